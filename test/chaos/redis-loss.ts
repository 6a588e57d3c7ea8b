import { setTimeout as delay } from 'node:timers/promises';
import { modelEntry } from '../harness/governed-product.js';
import { ask, keepAlive, type Seen } from '../harness/load.js';
import { Replicas, tally } from '../harness/replicas.js';

/**
 * `npm run chaos -- redis [RATE [available | strict]]`: calls at a fixed rate to two replicas, while their Redis is killed, stands still
 * and is emptied, under both policies. No cap is passed, nobody hangs, it heals by itself, and what is left of a cap is given out to the
 * last answer afterwards.
 */
const rate = Number(process.argv[2] ?? 150);
const policies = process.argv[3] === undefined ? ['available', 'strict'] : [process.argv[3]];

const BEFORE_MS = 6_000;
const LOST_MS = 6_000;
const AFTER_MS = 8_000;
const TICK_MS = 2;
const LONGEST_MS = 5_000;
const HEALED_WITHIN_MS = 5_000;
const GOAL_ADDED_P99_MS = 150;
/** Ten tokens at a tenth of a cent. */
const ANSWER_USD = 0.01;
/** Used up towards the end of what is watched. */
const CAP_ANSWERS = Math.round(rate * 1.2);
const LIMIT = Math.round(rate * 0.8);

const LOSSES = ['killed', 'silent', 'emptied'] as const;
type Loss = (typeof LOSSES)[number];

/** Of ten calls: six under a wide limit, two under a wide budget, one under a cap and one under a limit that are reached. */
const MIX = ['open', 'money', 'open', 'cap', 'open', 'open', 'money', 'open', 'limit', 'open'] as const;
type Kind = (typeof MIX)[number];

interface Heard extends Seen {
  readonly kind: Kind;
  readonly replica: number;
  /** When it was to be sent: waiting for its turn counts. */
  readonly dueAt: number;
  readonly lateMs: number;
}

const agent = keepAlive(1_024);
const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0);
};

type Keys = Readonly<Record<Kind, string>>;

async function makeKeys(fleet: Replicas): Promise<Keys> {
  const [open, money, cap, limit] = await Promise.all([
    fleet.makeKey({ rpm_limit: 10_000_000 }),
    fleet.makeKey({ max_budget: 1_000_000 }),
    fleet.makeKey({ max_budget: CAP_ANSWERS * ANSWER_USD }),
    fleet.makeKey({ rpm_limit: LIMIT }),
  ]);
  return { open, money, cap, limit };
}

/** Each pays ten tokens. */
const bodyOf = (label: string): object => ({
  model: 'm',
  max_tokens: 10,
  messages: [{ role: 'user', content: `call ${label}` }],
});

/** Calls at the rate, whether or not earlier ones were answered, until stopped. */
function steady(
  fleet: Replicas,
  keys: Keys,
  label: string,
): { readonly heard: Heard[]; stop(): Promise<void> } {
  const heard: Heard[] = [];
  const under = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1_000);
    for (; sent < due; sent += 1) {
      const dueAt = startedAt + (sent * 1_000) / rate;
      const kind = MIX[sent % MIX.length] ?? 'open';
      const replica = Math.floor(sent / MIX.length) % fleet.products.length;
      const id = `${label}-${kind}-${sent}`;
      const one = ask(fleet.product(replica).url, { key: keys[kind], id, agent, body: bodyOf(id) }).then(
        (seen) => {
          heard.push({ ...seen, kind, replica, dueAt, lateMs: seen.startedAt + seen.tookMs - dueAt });
          under.delete(one);
        },
      );
      under.add(one);
    }
  }, TICK_MS);
  return {
    heard,
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
    },
  };
}

/** Does the harm; resolves with when Redis was back. */
async function lose(fleet: Replicas, loss: Loss): Promise<number> {
  if (loss === 'emptied') {
    await fleet.admin.flushall();
    return performance.now();
  }
  if (loss === 'killed') await fleet.redis.kill();
  else fleet.redis.freeze();
  await delay(LOST_MS);
  if (loss === 'killed') await fleet.redis.restart();
  else fleet.redis.thaw();
  return performance.now();
}

/** How often each replica has found back to the shared counters so far. */
const timesBack = (fleet: Replicas): number[] =>
  fleet.products.map(({ logs }) => logs.split('The shared counters are back.').length - 1);

/** When all replicas count together again. */
async function whenBack(fleet: Replicas, before: readonly number[]): Promise<number> {
  const deadline = performance.now() + 2 * HEALED_WITHIN_MS;
  while (performance.now() < deadline && timesBack(fleet).some((times, i) => times <= (before[i] ?? 0)))
    await delay(10);
  return performance.now();
}

/** From its return until each replica, counting again, admitted a call that costs money; Infinity for never. */
function healedMs(heard: readonly Heard[], backAt: number, countsFrom: number, replicas: number): number {
  const first = Array.from({ length: replicas }, (_, replica) =>
    Math.min(
      Infinity,
      ...heard
        .filter((one) => one.replica === replica && one.kind === 'money' && one.status === 200)
        .filter((one) => one.startedAt + one.tookMs >= countsFrom)
        .map((one) => one.startedAt + one.tookMs - backAt),
    ),
  );
  return Math.round(Math.max(...first));
}

const answersOf = (fleet: Replicas, label: string, kind: Kind): number =>
  fleet.provider.requests.filter(({ body }) => body.includes(`call ${label}-${kind}-`)).length;

/** Takes what is left of the cap, one call after the other; a counter that lost something stops early or late. */
async function useUp(fleet: Replicas, key: string, label: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (let number = 0, refused = 0; refused < 4 && performance.now() < deadline; number += 1) {
    const id = `${label}-cap-rest${number}`;
    const { status } = await ask(fleet.product(number).url, { key, id, agent, body: bodyOf(id) });
    refused = status === 422 ? refused + 1 : 0;
  }
}

interface Phase {
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly statuses: Readonly<Record<string, Record<number, number>>>;
}

function phaseOf(heard: readonly Heard[]): Phase {
  const late = heard.map(({ lateMs }) => lateMs);
  const kinds = [...new Set(MIX)].map((kind) => [kind, tally(heard.filter((one) => one.kind === kind))]);
  return {
    calls: heard.length,
    p50: percentile(late, 0.5),
    p99: percentile(late, 0.99),
    most: percentile(late, 1),
    statuses: Object.fromEntries(kinds) as Phase['statuses'],
  };
}

interface Row {
  readonly policy: string;
  readonly loss: Loss;
  readonly before: Phase;
  /** While Redis is away; for one that was emptied, the three seconds after. */
  readonly lost: Phase;
  readonly after: Phase;
  readonly addedP99Ms: number;
  readonly healedMs: number;
  readonly overCap: number;
  readonly leftOfCap: number;
  readonly overLimit: number;
  readonly problems: readonly string[];
}

async function measure(fleet: Replicas, policy: string, loss: Loss): Promise<Row> {
  const label = `${policy}-${loss}`;
  const keys = await makeKeys(fleet);
  const load = steady(fleet, keys, label);
  // The first second is everybody's first meeting.
  await delay(1_000 + BEFORE_MS);
  const times = timesBack(fleet);
  const lostAt = performance.now();
  const backAt = await lose(fleet, loss);
  const countsFrom = await whenBack(fleet, times);
  await delay(AFTER_MS);
  await load.stop();
  const { heard } = load;
  const until = loss === 'emptied' ? lostAt + 3_000 : backAt;
  const within = (from: number, to: number): Heard[] =>
    heard.filter(({ dueAt }) => dueAt >= from && dueAt < to);
  const before = phaseOf(within(lostAt - BEFORE_MS, lostAt));
  const lost = phaseOf(within(lostAt, until));
  const after = phaseOf(within(until, Infinity));

  await useUp(fleet, keys.cap, label);
  const paid = answersOf(fleet, label, 'cap');
  const limited = heard.filter(({ kind, status }) => kind === 'limit' && status === 200);
  // Without Redis a replica cannot know what the others admitted in the last second.
  const unheard =
    loss === 'emptied' ? 0 : limited.filter(({ dueAt }) => dueAt > lostAt - 1_000 && dueAt <= lostAt).length;
  const overLimit = limited.length - LIMIT;
  const healed = healedMs(heard, backAt, countsFrom, fleet.products.length);
  const slowest = Math.max(...heard.map(({ lateMs }) => lateMs));

  const problems: string[] = [];
  const hung = heard.filter(({ lateMs }) => lateMs > LONGEST_MS);
  if (paid > CAP_ANSWERS) problems.push(`${paid - CAP_ANSWERS} answers over the cap`);
  if (paid < CAP_ANSWERS) problems.push(`${CAP_ANSWERS - paid} answers of the cap were never given out`);
  if (overLimit > unheard) problems.push(`${overLimit} over the limit, of which ${unheard} may be`);
  if (hung.length > 0)
    problems.push(
      `${hung.length} answers took up to ${Math.round(slowest)} ms (${[...new Set(hung.map(({ kind, status }) => `${kind} ${status}`))].join(', ')})`,
    );
  if (!(healed <= HEALED_WITHIN_MS)) problems.push(`healed after ${healed} ms`);
  const odd = heard.filter(({ status }) => ![200, 422, 429, 503].includes(status)).length;
  if (odd > 0) problems.push(`${odd} answers are none of 200, 422, 429 and 503`);
  if (before.calls < (BEFORE_MS / 1_000) * rate * 0.95)
    problems.push(
      `only ${before.calls} calls were sent before the loss: the rate is too high for this machine`,
    );
  if (policy === 'strict' && loss !== 'emptied') {
    const spent = within(lostAt + 1_000, backAt - 1_000).filter(({ status }) => status === 200).length;
    if (spent > 0) problems.push(`${spent} calls were served while nobody could know`);
  }
  if (policy === 'available' && (lost.statuses['open']?.[200] ?? 0) < lost.calls * 0.5)
    problems.push('calls within wide limits were not served on');
  return {
    ...{ policy, loss, before, lost, after, addedP99Ms: lost.p99 - before.p99, healedMs: healed },
    ...{ overCap: Math.max(0, paid - CAP_ANSWERS), leftOfCap: Math.max(0, CAP_ANSWERS - paid) },
    ...{ overLimit: Math.max(0, overLimit), problems },
  };
}

/** Until both replicas have met the load: what a process costs in its first seconds is not what is measured. */
async function warmUp(fleet: Replicas): Promise<void> {
  const load = steady(fleet, await makeKeys(fleet), 'warm');
  await delay(5_000);
  await load.stop();
}

async function start(policy: string): Promise<Replicas> {
  const isStrict = policy === 'strict';
  return Replicas.start(
    2,
    (provider) => ({
      model_list: [modelEntry('m', provider)],
      general_settings: {
        fail_closed_budget_enforcement: isStrict,
        fail_closed_rate_limit_enforcement: isStrict,
      },
    }),
    // As it is shipped, not as tests on busy machines want it.
    { env: { REDIS_COMMAND_TIMEOUT_MS: '120' } },
    { completionTokens: 10 },
  );
}

const rows: Row[] = [];
for (const policy of policies) {
  const fleet = await start(policy);
  try {
    await warmUp(fleet);
    for (const loss of LOSSES) {
      const row = await measure(fleet, policy, loss);
      rows.push(row);
      const ms = ({ p50, p99, most }: Phase): string => `${p50}/${p99}/${most}`;
      process.stderr.write(
        `${policy}, ${loss}: p50/p99/most before ${ms(row.before)}, lost ${ms(row.lost)}, after ${ms(row.after)} ms; ` +
          `added p99 ${row.addedP99Ms} ms (goal ${GOAL_ADDED_P99_MS}${row.addedP99Ms <= GOAL_ADDED_P99_MS ? '' : ', missed'}); healed ${row.healedMs} ms; ` +
          `lost ${JSON.stringify(row.lost.statuses)}; over the cap ${row.overCap}, left of it ${row.leftOfCap}, over the limit ${row.overLimit}` +
          `${row.problems.map((one) => `; ${one}`).join('')}\n`,
      );
    }
  } finally {
    await fleet.dispose();
  }
}
agent.destroy();
process.stdout.write(
  `${JSON.stringify({ rate, replicas: 2, goalAddedP99Ms: GOAL_ADDED_P99_MS, rows }, null, 2)}\n`,
);
process.exit(rows.every(({ problems }) => problems.length === 0) ? 0 : 1);
