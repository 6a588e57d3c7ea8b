import type { Heard } from './callers.js';
import { type Company, type Key } from './company.js';
import { type Facts, facts } from './facts.js';
import { judgeRefusal } from './refusals.js';
import { describeCall, judgeRows, type Row, rowsOf } from './rows.js';
import type { CallPlan, Change, Harm } from './script.js';
import type { Stage } from './stage.js';
import { type Counted, Windows } from './windows.js';

/** One call, and what was believed of it when it began. */
export interface Made {
  readonly heard: Heard;
  readonly before: Facts;
  readonly key: Key;
}

/** What a killed process had taken is given back after that, at the latest. */
const LEASE_MS = 10_000;

interface Check {
  readonly verdict: string;
  readonly scope: { readonly type: string; readonly id: string } | null;
}

/** What may have happened beside the calls of a step. */
export type Beside = Change | 'kill' | Harm | undefined;

/** Counts beside the product, from what providers bill and what the administrator did, and compares. */
export class Judge {
  readonly problems: string[] = [];
  readonly #meters = new Map<string, bigint>();
  readonly #windows = new Windows();
  /** Until then slots of a killed process may still be taken. */
  #slotsBackAtMs = 0;
  #caps = new Map<string, bigint>();
  readonly #refused: Made[] = [];

  constructor(
    private readonly stage: Stage,
    private readonly company: Company,
  ) {}

  /** Before a change that calls may see or not. */
  remember(): void {
    this.#caps = this.#capsNow();
  }

  /** A process ended, whether or not it was killed. */
  died(): void {
    if (!this.stage.isReplicated) this.#windows.forget();
    this.remember();
  }

  /** Judges the calls of a step when all have ended. `alone`: nothing else was under way. */
  async calls(made: readonly Made[], alone: boolean, beside: Beside): Promise<void> {
    await this.stage.settle();
    const found = this.problems.length;
    const rows = await rowsOf(
      this.stage,
      made.map(({ heard }) => heard.id),
    );
    const capsBefore = this.#caps;
    const capsAfter = this.#capsNow();
    const spentBefore = new Map(this.#meters);
    const slack = new Map<string, bigint>();
    for (const one of made) {
      const own = rows.get(one.heard.id) ?? [];
      this.problems.push(...judgeRows(this.stage, one.heard, own, beside === 'kill'));
      const after = facts(this.company, one.key, one.heard.plan);
      const ways = beside === undefined ? [one.before] : [one.before, after];
      for (const row of own) this.#book(one, row, ways, slack);
      this.#count(one, own, ways, beside);
    }
    if (typeof beside === 'object' && beside.kind === 'reset') await this.#reread();
    if (beside === 'kill') this.#wasKilled();
    // Whoever lives tells an empty Redis what it let in; of the dead nobody does.
    if (beside === 'empty') this.#windows.doubt((by) => !this.stage.isAsItWas(by));
    this.#judgeCaps(capsBefore, capsAfter, spentBefore, slack);
    for (const one of made) {
      const own = rows.get(one.heard.id) ?? [];
      this.problems.push(
        ...judgeRefusal({
          ...one,
          ...{ rows: own, alone, beside, spentBefore, spent: this.#meters, capsBefore, capsAfter },
          windows: this.#windows,
          slotsAreBack: Date.now() > this.#slotsBackAtMs,
        }),
      );
      if (one.heard.headers['x-tollgate-decision-id'] !== undefined) this.#refused.push(one);
    }
    if (this.problems.length > found)
      this.problems.push(
        ...made.map(({ heard }) => describeCall(this.stage, heard, rows.get(heard.id) ?? [])),
      );
    this.remember();
  }

  /** Everything that was taken has come back: slots are free, and of each limit exactly what is left is given. */
  async atEnd(begin: (plan: CallPlan) => Promise<Made>): Promise<void> {
    await this.#judgeSums();
    await this.#judgeDecisions();
    for (const [index, key] of this.company.keys.entries()) {
      if (!key.alive || key.blocked || this.problems.length > 0) continue;
      const plan: CallPlan = {
        ...{ key: index, model: 'free', route: 'chat', stream: false, maxTokens: 5, promptWords: 1 },
        ...{ customer: undefined, tags: [], cutAfterMs: undefined },
        behaviours: [{ completionTokens: 1, firstByteDelayMs: 400 }],
      };
      await this.#judgeSlots(key, plan, begin);
    }
  }

  async #judgeSlots(key: Key, plan: CallPlan, begin: (plan: CallPlan) => Promise<Made>): Promise<void> {
    const scopes = this.company.scopesOf(key, undefined, [], plan.model);
    const parallel = least(scopes.map((one) => one.parallel));
    const left = (which: keyof Counted): number =>
      least(
        scopes.map((one) => (one.rpm === undefined ? undefined : one.rpm - this.#windows.of(one)[which])),
      ) ?? Infinity;
    if (parallel !== undefined && left('most') > parallel) {
      await this.#untilSlotsAreBack();
      const made = await Promise.all(Array.from({ length: parallel + 1 }, () => begin(plan)));
      const passed = made.filter(({ heard }) => heard.status === 200).length;
      if (passed !== parallel)
        this.problems.push(
          `key ${key.id}: of ${parallel} slots ${passed} are free when all is over: ${made.map(({ heard }) => `${heard.status} ${heard.text.slice(0, 300)}`).join(' | ')}`,
        );
      await this.calls(made, false, undefined);
    }
    const isYoung = this.#windows.areYoung();
    const [fewest, rest] = [Math.max(0, left('most')), Math.max(0, left('least'))];
    if (!isYoung || rest === Infinity || rest > 12) return;
    const quick = { ...plan, behaviours: [{ completionTokens: 1 }] };
    const made: Made[] = [];
    for (let i = 0; i <= rest; i += 1) made.push(await begin(quick));
    const passed = made.filter(({ heard }) => heard.status === 200).length;
    if (passed > rest || passed < fewest)
      this.problems.push(
        `key ${key.id}: ${fewest} to ${rest} requests are left of its limits, ${passed} were let in: ${made.map(({ heard }) => heard.status).join()}`,
      );
    await this.calls(made, false, undefined);
  }

  #book({ heard, before, key }: Made, row: Row, ways: readonly Facts[], slack: Map<string, bigint>): void {
    const way = ways.find(({ team }) => (team ?? null) === row.team);
    if (way === undefined) {
      this.problems.push(`${heard.id} is booked for team ${row.team}, it was ${before.team}'s`);
      return;
    }
    const isOwn = key.id === row.key && (way.organization ?? null) === row.organization;
    if (!isOwn)
      this.problems.push(
        `${heard.id} is booked for ${row.key} of ${row.organization}, it was ${key.id}'s of ${way.organization}`,
      );
    const over = excess(heard, row);
    for (const scope of way.scopes) {
      const charged = row.charged.some(
        ({ type, id, budget }) =>
          type === scope.type && id === scope.id && (budget === 'total' || scope.type === 'model'),
      );
      // The model that was asked for is the one that a model's budget names, unless another stood in.
      if (!charged && scope.type === 'model' && row.group !== heard.plan.model) continue;
      if (!charged)
        this.problems.push(
          `${heard.id} is not charged to ${scope.type} ${scope.id}: ${JSON.stringify(row.charged)}`,
        );
      for (const { name } of [
        { name: 'life' },
        { name: 'main' },
        ...scope.budgets.filter(({ name: one }) => one !== 'main'),
      ]) {
        const meter = meterOf(scope, name);
        this.#meters.set(meter, (this.#meters.get(meter) ?? 0n) + row.cost);
        // Through keys of a team a user spends the team's money: it is noted, and no cap of the user's stands in the way.
        const beyond = scope.type === 'user' && way.team !== undefined ? row.cost : over;
        if (beyond > 0n) slack.set(meter, (slack.get(meter) ?? 0n) + beyond);
      }
    }
  }

  #count({ heard, before }: Made, rows: readonly Row[], ways: readonly Facts[], beside: Beside): void {
    const isBooked = rows.length > 0;
    // Killed between what it counted and what it wrote down; or decided for itself, unheard by the other.
    const isUnknown = beside === 'kill' && heard.status === 0;
    if (!isBooked && !isUnknown) return;
    const way = ways.find(({ team }) => (team ?? null) === rows.at(-1)?.team) ?? before;
    const isDoubtful = !isBooked || beside === 'stall';
    this.#windows.take(way.scopes, heard.startedAtMs, heard.asked, isDoubtful);
    // Whoever changes teams while it asks may have asked in both.
    const counted = new Set(way.scopes.map(({ type, id }) => `${type}/${id}`));
    const others = ways
      .flatMap(({ scopes }) => scopes)
      .filter(({ type, id }) => !counted.has(`${type}/${id}`));
    this.#windows.take(others, heard.startedAtMs, heard.asked, true);
    for (const scope of way.scopes) {
      const { least: count } = this.#windows.of(scope);
      if (scope.rpm !== undefined && count > scope.rpm)
        this.problems.push(
          `${scope.type}/${scope.id}: ${count} requests within a minute, its limit is ${scope.rpm}`,
        );
    }
  }

  #wasKilled(): void {
    if (!this.stage.isReplicated) this.#windows.forget();
    else this.#slotsBackAtMs = Date.now() + LEASE_MS;
  }

  async #untilSlotsAreBack(): Promise<void> {
    const waitMs = this.#slotsBackAtMs - Date.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  #judgeCaps(
    before: ReadonlyMap<string, bigint>,
    after: ReadonlyMap<string, bigint>,
    spentBefore: ReadonlyMap<string, bigint>,
    slack: ReadonlyMap<string, bigint>,
  ): void {
    for (const [meter, spent] of this.#meters) {
      const caps = [before.get(meter), after.get(meter)];
      // A budget that was not there at one time of the step held nobody back then.
      if (caps.some((cap) => cap === undefined)) continue;
      const most = [...caps, spentBefore.get(meter)].reduce<bigint>(
        (sum, one) => ((one ?? 0n) > sum ? (one ?? 0n) : sum),
        0n,
      );
      if (spent > most + (slack.get(meter) ?? 0n))
        this.problems.push(
          `${meter}: ${spent} spent, the cap is ${caps.join(' or ')}, ${spentBefore.get(meter) ?? 0n} before (${slack.get(meter) ?? 0n} beyond what was held)`,
        );
    }
  }

  #capsNow(): Map<string, bigint> {
    return new Map(
      this.company.scopes.flatMap((scope) =>
        scope.budgets.map(({ name, cap }) => [meterOf(scope, name), cap] as const),
      ),
    );
  }

  /** What keys have spent after somebody set it: the one thing that is believed as it is told. */
  async #reread(): Promise<void> {
    for (const { id, scope } of this.company.keys) {
      const rows = await this.stage.query<{ budget: string; nano: string }>(
        `SELECT budget, settled_nano AS nano FROM balances WHERE scope_type = 'key' AND scope_id = $1`,
        [id],
      );
      const stored = new Map(rows.map(({ budget, nano }) => [budget, BigInt(nano)]));
      for (const { name } of [{ name: 'main' }, ...scope.budgets]) {
        const spent = stored.get(name) ?? (name === 'main' ? stored.get('total') : undefined);
        if (spent !== undefined) this.#meters.set(meterOf(scope, name), spent);
      }
    }
  }

  /** What the product says each scope has spent in its life is what its calls cost. */
  async #judgeSums(): Promise<void> {
    const scopes = this.company.scopes.filter(({ type }) => type !== 'model');
    const rows = await this.stage.query<{ scope: string; nano: string }>(
      `SELECT concat(b.scope_type, '/', b.scope_id) AS scope, b.settled_nano - coalesce((SELECT sum(a.delta_nano) FROM spend_adjustments a
         WHERE a.scope_type = b.scope_type AND a.scope_id = b.scope_id AND a.budget = b.budget), 0) AS nano
       FROM balances b WHERE b.budget = 'total' AND concat(b.scope_type, '/', b.scope_id) = ANY($1)`,
      [scopes.map(({ type, id }) => `${type}/${id}`)],
    );
    const stored = new Map(rows.map(({ scope, nano }) => [scope, BigInt(nano)]));
    for (const { type, id } of scopes) {
      const due = this.#meters.get(meterOf({ type, id }, 'life')) ?? 0n;
      const told = stored.get(`${type}/${id}`) ?? 0n;
      if (due !== told) this.problems.push(`${type} ${id} spent ${due}, its balance says ${told}`);
    }
  }

  /** Every refusal can be looked up, and names what refused. */
  async #judgeDecisions(): Promise<void> {
    const some = this.#refused.filter(({ heard }) => heard.plan.cutAfterMs === undefined).slice(0, 10);
    for (const { heard } of some) {
      const id = String(heard.headers['x-tollgate-decision-id']);
      // A credential that nobody has is remembered by the process that refused it, and by nobody else; what is written is everybody's.
      const replica = heard.status === 401 ? heard.asked.replica : heard.asked.replica + 1;
      const ask = (): ReturnType<Stage['ask']> =>
        this.stage.ask('GET', `/decisions/${id}`, undefined, replica);
      let answer = await ask();
      for (let tries = 0; answer.status === 404 && tries < 40; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        answer = await ask();
      }
      // What was refused in the last second of a process is lost with it.
      if (answer.status === 404 && !this.stage.isAsItWas(heard.asked)) continue;
      const { error } = JSON.parse(heard.text) as { error: { limit?: { scope: string; id: string } } };
      const checks = (answer.body['checks'] ?? []) as Check[];
      const refusing = checks.filter(({ verdict }) => verdict === 'refused');
      if (answer.status !== 200 || refusing.length === 0)
        this.problems.push(
          `${heard.id}: decision ${id} is answered ${answer.status} with ${refusing.length} refusing checks`,
        );
      else if (error.limit?.scope && !refusing.some(({ scope }) => isOf(scope, error.limit)))
        this.problems.push(
          `${heard.id}: was told ${error.limit.scope} ${error.limit.id}, its decision says ${JSON.stringify(refusing)}`,
        );
    }
  }
}

function isOf(scope: Check['scope'], told: { scope: string; id: string } | undefined): boolean {
  return scope?.type === told?.scope && scope?.id === told?.id;
}

export function meterOf(
  { type, id }: { readonly type: string; readonly id: string },
  budget: string,
): string {
  return `${type}/${id}/${budget}`;
}

/** What a call cost beyond anything that could be known of it before: an upstream that ignores what it was told, or bills what nobody sent. */
function excess({ plan }: Heard, row: Row): bigint {
  const isHonest = plan.behaviours.every(
    (one) => one.honoursMaxTokens !== false && (one.promptTokens ?? 0) < 1_000,
  );
  if (!isHonest) return row.cost;
  // The fake counts its words, of which ours are made of more tokens: a long answer looks as if it went on behind its cap.
  return row.flag === 'cut' && row.cost > row.held ? row.cost - row.held : 0n;
}

function least(limits: readonly (number | undefined)[]): number | undefined {
  const set = limits.filter((limit) => limit !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}
