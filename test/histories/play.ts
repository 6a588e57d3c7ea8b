import { call, type Heard } from './callers.js';
import { Company, type Key } from './company.js';
import { facts } from './facts.js';
import { Judge, type Made } from './judge.js';
import type { CallPlan, History, Step } from './script.js';
import type { Stage } from './stage.js';

/** What one history has left behind, for the books of the whole stage. */
export interface Played {
  readonly problems: readonly string[];
  readonly heard: readonly Heard[];
}

let plays = 0;

/** Plays a history from its founding to its end; says everything that was not as promised. */
export async function play(stage: Stage, { cast, steps }: History): Promise<Played> {
  const name = `h${process.pid}x${(plays += 1)}`;
  const company = await Company.found(stage, name, cast);
  const judge = new Judge(stage, company);
  const all: Heard[] = [];
  let made = 0;
  const begin = (plan: CallPlan, on: number): Promise<Made> => {
    const key = company.keys[plan.key % company.keys.length] as Key;
    const id = `${name}-${(made += 1)}`;
    // Fewer than any tokenizer counts: what is billed beyond what anybody could know is a behaviour of its own.
    const promptTokens = plan.promptWords + 8;
    stage.expect(
      id,
      plan.behaviours.map((one) => ({ promptTokens, ...one })),
    );
    const named = {
      customer: plan.customer === undefined ? undefined : company.id('customer', plan.customer),
      tags: plan.tags.map((tag) => company.id('tag', tag)),
    };
    const before = facts(company, key, plan);
    return call(stage.asked(on), key.secret, id, plan, named).then((heard) => {
      all.push(heard);
      return { heard, before, key };
    });
  };
  const together = (calls: readonly CallPlan[]): Promise<Made[]> =>
    Promise.all(calls.map((plan, at) => begin(plan, at + made)));
  for (const [at, step] of steps.entries()) {
    const found = judge.problems.length;
    judge.remember();
    await playStep(step, at);
    if (judge.problems.length > found) {
      judge.problems.push(`... in step ${at + 1} of ${steps.length}: ${JSON.stringify(step)}`);
      break;
    }
  }
  if (judge.problems.length === 0) await judge.atEnd((plan) => begin(plan, made));
  return { problems: judge.problems, heard: all };

  async function playStep(step: Step, at: number): Promise<void> {
    switch (step.kind) {
      case 'calls':
        return judge.calls(await together(step.calls), step.calls.length === 1, undefined);
      case 'change': {
        const running = together(step.during);
        if (step.during.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        const isDone = await company.apply(step.change);
        const calls = await running;
        return judge.calls(calls, false, isDone ? step.change : undefined);
      }
      case 'restart':
        await stage.restart(at, 'stop');
        return judge.died();
      case 'kill': {
        const running = together(step.during);
        await new Promise((resolve) => setTimeout(resolve, 10 + ((at * 37) % 90)));
        await stage.restart(at, 'kill');
        return judge.calls(await running, false, 'kill');
      }
      case 'empty':
      case 'stall': {
        const running = together(step.during);
        await new Promise((resolve) => setTimeout(resolve, (at * 13) % 30));
        await stage.harm(step.kind);
        return judge.calls(await running, false, step.kind);
      }
    }
  }
}
