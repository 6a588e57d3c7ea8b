import { dearest, FALLBACK, LONGEST_ANSWER } from './catalogue.js';
import type { Heard } from './callers.js';
import type { Facts } from './facts.js';
import type { Row } from './rows.js';
import type { Beside } from './judge.js';
import type { Windows } from './windows.js';

interface Judged {
  readonly heard: Heard;
  readonly before: Facts;
  readonly rows: readonly Row[];
  readonly alone: boolean;
  readonly beside: Beside;
  readonly spentBefore: ReadonlyMap<string, bigint>;
  readonly spent: ReadonlyMap<string, bigint>;
  readonly capsBefore: ReadonlyMap<string, bigint>;
  readonly capsAfter: ReadonlyMap<string, bigint>;
  readonly windows: Windows;
  /** No slot is taken by somebody who was killed. */
  readonly slotsAreBack: boolean;
}

interface Told {
  readonly reason: string;
  readonly scope: string;
  readonly id: string;
  readonly dimension?: string;
  readonly limit: string;
  readonly current: string;
}

/** Words of a request's frame: roles, brackets, what each message costs beside its text. */
const FRAME_TOKENS = 64;
const MINIMAL_TOKENS = 16;

/** What was wrong about how a call was refused, or let in. */
export function judgeRefusal(one: Judged): string[] {
  const { heard, before, beside, rows } = one;
  const { status, text, plan, id } = heard;
  if (status === 0)
    return plan.cutAfterMs !== undefined || beside === 'kill' ? [] : [`${id}: nothing was answered`];
  const told = toldBy(text);
  const wrong = (what: string): string[] => [
    `${id} (${plan.model} ${plan.route}): ${status} ${what}: ${text.slice(0, 400)}`,
  ];
  if (status === 422 || told?.reason.startsWith('budget.'))
    return told ? judgeMoney(one, told) : wrong('names no budget');
  if (status === 429 && rows.length === 0) return told ? judgeLimit(one, told) : wrong('names no limit');
  if (status === 401 || status === 403)
    return before.usable && beside === undefined ? wrong('but the key may') : [];
  const fails = plan.behaviours.some(
    (it) => (it.status ?? 200) >= 400 || it.fault !== undefined || it.rawBody !== undefined,
  );
  const mayBeUnknown = typeof beside === 'string';
  if (status >= 500 && !fails && !mayBeUnknown) return wrong('and nobody asked for it');
  if (status >= 400 && status < 500 && !fails) return wrong('and nobody asked for it');
  if (status === 200) return judgeLetIn(one);
  return [];
}

function judgeMoney(one: Judged, told: Told): string[] {
  const { heard, before, alone } = one;
  const wrong = (what: string): string[] => [
    `${heard.id} (${heard.plan.model}): refused for ${told.scope} ${told.id}, ${what}: ${heard.text.slice(0, 500)}`,
  ];
  if (told.reason === 'budget.busy') return alone && one.slotsAreBack ? wrong('busy with nobody else') : [];
  if (told.scope === 'provider' || told.scope === 'proxy') return [];
  const scope = before.scopes.find(({ type, id }) => type === told.scope && id === told.id);
  if (scope === undefined) return one.beside === undefined ? wrong('which is not its scope') : [];
  const enough = boundsOf(heard).min;
  // Nothing comes back within a step, so what was left then is at least what is left now.
  const prefix = `${scope.type}/${scope.id}/`;
  const meters = new Set(
    [...one.capsBefore.keys(), ...one.capsAfter.keys()].filter((meter) => meter.startsWith(prefix)),
  );
  const left = [...meters].map((meter) => {
    const caps = [one.capsBefore.get(meter), one.capsAfter.get(meter)].filter((cap) => cap !== undefined);
    const least = caps.reduce((a, b) => (b < a ? b : a));
    return least - most(one.spent.get(meter), one.spentBefore.get(meter));
  });
  if (!left.some((amount) => amount < enough))
    return wrong(`which has ${left.join(', ')} left, and ${enough} is enough`);
  return [];
}

function judgeLimit(one: Judged, told: Told): string[] {
  const { heard, before } = one;
  const wrong = (what: string): string[] => [
    `${heard.id}: refused for ${told.dimension} of ${told.scope} ${told.id}, ${what}: ${heard.text.slice(0, 400)}`,
  ];
  const scope = before.scopes.find(({ type, id }) => type === told.scope && id === told.id);
  if (scope === undefined) return one.beside === undefined ? wrong('which is not its scope') : [];
  // Without Redis each has its share.
  if (one.beside === 'stall') return [];
  if (told.dimension === 'requests') {
    const { most: count } = one.windows.of(scope);
    if (scope.rpm === undefined || count < scope.rpm)
      return wrong(`of ${scope.rpm} only ${count} were taken`);
  } else if (one.alone && one.slotsAreBack) return wrong('alone');
  return [];
}

/** A call alone: who has nothing left is not let in. */
function judgeLetIn({ heard, before, alone, spentBefore, capsBefore }: Judged): string[] {
  if (!alone || heard.plan.model === 'free') return [];
  const over = before.scopes.flatMap((scope) =>
    scope.budgets
      .filter(({ name }) => {
        const meter = `${scope.type}/${scope.id}/${name}`;
        return (spentBefore.get(meter) ?? 0n) >= (capsBefore.get(meter) ?? -1n) && capsBefore.has(meter);
      })
      .map(
        ({ name, cap }) =>
          `${scope.type} ${scope.id} ${name}: ${spentBefore.get(`${scope.type}/${scope.id}/${name}`) ?? 0n} of ${cap}`,
      ),
  );
  return over.length === 0
    ? []
    : [`${heard.id} (${heard.plan.model}) was let in, and ${over.join('; ')} is used up`];
}

/** What the call costs at most, with the least answer worth asking for and with the longest. */
export function boundsOf({ plan, bytes }: Heard): { min: bigint; full: bigint } {
  const names = plan.model === FALLBACK.from ? [FALLBACK.from, FALLBACK.to] : [plan.model];
  const input = bytes + FRAME_TOKENS;
  const longest = plan.route === 'embeddings' ? 0 : (plan.maxTokens ?? LONGEST_ANSWER);
  return {
    min: dearest({ input, cached: 0, output: Math.min(MINIMAL_TOKENS, longest) }, names),
    full: dearest({ input, cached: 0, output: longest }, names),
  };
}

function toldBy(text: string): Told | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { limit?: Told } };
    return error?.limit;
  } catch {
    return undefined;
  }
}

function most(one: bigint | undefined, other: bigint | undefined): bigint {
  return (one ?? 0n) > (other ?? 0n) ? (one ?? 0n) : (other ?? 0n);
}
