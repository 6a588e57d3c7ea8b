import fc from 'fast-check';
import type { Behaviour } from '../harness/fake-provider.js';
import { LONGEST_ANSWER, MODELS, type Route } from './catalogue.js';

/** Limits and budgets that one scope starts with; amounts in steps of a tenth of a thousandth of a dollar. */
export interface Rules {
  readonly cap?: number | undefined;
  readonly duration?: string | undefined;
  readonly windows?: readonly { readonly cap: number; readonly duration: string }[] | undefined;
  readonly rpm?: number | undefined;
  readonly parallel?: number | undefined;
}

export interface KeyPlan extends Rules {
  readonly team?: number | undefined;
  readonly user?: number | undefined;
  readonly inProject?: boolean | undefined;
  readonly tags?: readonly number[] | undefined;
  readonly modelCap?: { readonly model: string; readonly cap: number } | undefined;
  readonly sharedBudget?: boolean | undefined;
}

/** Who is there when a history begins. */
export interface Cast {
  readonly organization: Rules | undefined;
  readonly teams: readonly (Rules & { readonly inOrganization: boolean })[];
  readonly users: readonly Rules[];
  /** What each user may spend as a member of each team, where it says so. */
  readonly memberCap: number | undefined;
  readonly customers: readonly Rules[];
  readonly tags: readonly Rules[];
  readonly project: Rules;
  readonly sharedCap: number;
  readonly keys: readonly KeyPlan[];
}

export interface CallPlan {
  readonly key: number;
  readonly model: string;
  readonly route: Route;
  readonly stream: boolean;
  readonly maxTokens: number | undefined;
  readonly promptWords: number;
  readonly customer: number | undefined;
  readonly tags: readonly number[];
  /** The client leaves after so many milliseconds. */
  readonly cutAfterMs: number | undefined;
  /** What the upstream does at the first try, the second and so on; the last stands for all further. */
  readonly behaviours: readonly Behaviour[];
}

export type Target = 'key' | 'team' | 'user' | 'organization' | 'customer' | 'tag' | 'member' | 'project';

export type Change =
  | {
      readonly kind: 'budget';
      readonly of: Target;
      readonly index: number;
      readonly cap: number | undefined;
    }
  | { readonly kind: 'reset'; readonly key: number; readonly percent: number }
  | { readonly kind: 'block'; readonly key: number; readonly blocked: boolean }
  | { readonly kind: 'move'; readonly key: number; readonly team: number | undefined }
  | { readonly kind: 'rename'; readonly of: 'key' | 'team'; readonly index: number }
  | { readonly kind: 'regenerate'; readonly key: number }
  | { readonly kind: 'increase'; readonly key: number; readonly by: number }
  | { readonly kind: 'leave' | 'join'; readonly team: number; readonly user: number }
  | { readonly kind: 'delete'; readonly of: 'key' | 'user'; readonly index: number };

export type Step =
  | { readonly kind: 'calls'; readonly calls: readonly CallPlan[] }
  /** The change is asked for while the calls run. */
  | { readonly kind: 'change'; readonly change: Change; readonly during: readonly CallPlan[] }
  | { readonly kind: 'restart' }
  | { readonly kind: 'kill'; readonly during: readonly CallPlan[] }
  /** Redis is harmed while the calls run. */
  | { readonly kind: Harm; readonly during: readonly CallPlan[] };

/** It forgets everything; it stands still for a second. */
export type Harm = 'empty' | 'stall';

export interface History {
  readonly cast: Cast;
  readonly steps: readonly Step[];
}

const few = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most });
/** Once in so many times. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>, times = 2): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** From what pays no call at all to what pays all calls of a history. */
const cap = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
const duration = fc.constantFrom('30d', '1d', '12h');

const rules: fc.Arbitrary<Rules> = fc
  .record({
    cap: maybe(cap),
    duration: maybe(duration),
    rpm: maybe(fc.integer({ min: 1, max: 30 }), 5),
    parallel: maybe(few(5), 5),
  })
  .map(({ duration: of, ...rest }) => (rest.cap === undefined ? rest : { ...rest, duration: of }));

const windows = fc.uniqueArray(
  fc.record({ cap: fc.integer({ min: 1, max: 60 }), duration: fc.constantFrom('12h', '1d', '7d', '30d') }),
  { minLength: 1, maxLength: 3, selector: ({ duration: of }) => of },
);

const keyPlan: fc.Arbitrary<KeyPlan> = fc
  .record({
    base: rules,
    windows: maybe(windows, 4),
    team: maybe(fc.nat(1), 3),
    user: maybe(fc.nat(1), 3),
    inProject: fc.boolean(),
    tags: maybe(fc.uniqueArray(fc.nat(1), { maxLength: 2 }), 4),
    modelCap: maybe(
      fc.record({ model: fc.constantFrom('plain', 'dear'), cap: fc.integer({ min: 1, max: 30 }) }),
      4,
    ),
    sharedBudget: maybe(fc.constant(true), 5),
  })
  .map(({ base, sharedBudget, windows: several, ...rest }) => ({
    ...base,
    ...rest,
    // One budget for itself, several at once, or one that is shared with others.
    ...(sharedBudget ? { cap: undefined, duration: undefined, sharedBudget } : { windows: several }),
  }));

const cast: fc.Arbitrary<Cast> = fc.record({
  organization: maybe(rules, 3),
  teams: fc.array(
    fc.tuple(rules, fc.boolean()).map(([one, inOrganization]) => ({ ...one, inOrganization })),
    { minLength: 2, maxLength: 2 },
  ),
  users: fc.array(rules, { minLength: 2, maxLength: 2 }),
  memberCap: maybe(cap),
  customers: fc.array(rules, { minLength: 2, maxLength: 2 }),
  tags: fc.array(rules, { minLength: 2, maxLength: 2 }),
  project: rules,
  sharedCap: fc.integer({ min: 1, max: 60 }),
  keys: fc.array(keyPlan, { minLength: 1, maxLength: 3 }),
});

const answering: fc.Arbitrary<Behaviour> = fc.record(
  {
    completionTokens: fc.integer({ min: 1, max: 40 }),
    cachedPromptTokens: fc.constantFrom(0, 0, 7),
    firstByteDelayMs: fc.constantFrom(0, 0, 30),
    frameDelayMs: fc.constantFrom(0, 0, 4),
    usage: fc.constantFrom('asked', 'asked', 'always', 'never'),
    honoursMaxTokens: fc.constantFrom(true, true, true, false),
  },
  { requiredKeys: ['completionTokens'] },
);
const failing: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constantFrom<Behaviour>({ status: 500 }, { status: 429 }, { status: 400 }, { status: 503 }),
  fc.constantFrom<Behaviour>(
    { fault: 'reset-before-headers' },
    { fault: 'reset-midway', completionTokens: 9, faultAfterFrames: 3 },
    { fault: 'end-midway', completionTokens: 9, faultAfterFrames: 4 },
    { fault: 'error-frame-midway', completionTokens: 9 },
    { fault: 'silence', firstByteDelayMs: 1 },
    { rawBody: '{"broken":' },
    // More than anybody could have bounded: the book of prices was wrong about this request.
    { completionTokens: 3, promptTokens: 50_000 },
  ),
);

export const callPlan: fc.Arbitrary<CallPlan> = fc
  .record({
    key: fc.nat(2),
    model: fc.constantFrom(...MODELS),
    route: fc.nat(9),
    stream: fc.boolean(),
    maxTokens: maybe(fc.integer({ min: 1, max: LONGEST_ANSWER }), 4),
    promptWords: fc.integer({ min: 0, max: 60 }),
    customer: maybe(fc.nat(1), 4),
    tags: fc.uniqueArray(fc.nat(1), { maxLength: 2 }),
    cutAfterMs: maybe(fc.integer({ min: 1, max: 60 }), 8),
    first: fc.oneof({ weight: 5, arbitrary: answering }, { weight: 1, arbitrary: failing }),
    second: fc.oneof({ weight: 4, arbitrary: answering }, { weight: 1, arbitrary: failing }),
  })
  .map(({ model, route, stream, first, second, ...rest }) => {
    const one = model.routes[route % model.routes.length] ?? 'chat';
    return {
      ...rest,
      model: model.name,
      route: one,
      stream: one === 'embeddings' ? false : stream,
      behaviours: [first, second],
    };
  });

const target = fc.constantFrom<Target>(
  'key', 'team', 'user', 'organization', 'customer', 'tag', 'member', 'project',
); // prettier-ignore

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('budget' as const),
      of: target,
      index: fc.nat(2),
      cap: maybe(cap, 4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('reset' as const), key: fc.nat(2), percent: fc.nat(100) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('block' as const), key: fc.nat(2), blocked: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('move' as const), key: fc.nat(2), team: maybe(fc.nat(1)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('rename' as const),
      of: fc.constantFrom('key' as const, 'team' as const),
      index: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('regenerate' as const), key: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('increase' as const), key: fc.nat(2), by: few(20) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'join' as const),
      team: fc.nat(1),
      user: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      of: fc.constantFrom('key' as const, 'user' as const),
      index: fc.nat(2),
    }),
  },
);

const together = (most: number): fc.Arbitrary<CallPlan[]> =>
  fc.array(callPlan, { minLength: 1, maxLength: most });

export interface Wildness {
  /** How many steps at most. */
  readonly steps: number;
  /** Of a hundred steps, so many end the process. */
  readonly deaths: number;
  /** And so many do harm to Redis. */
  readonly harms?: number;
}

/** Any history: who is there, and what happens, one step after the other. */
export function anyHistory({ steps, deaths, harms = 0 }: Wildness): fc.Arbitrary<History> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 60, arbitrary: fc.record({ kind: fc.constant('calls' as const), calls: together(1) }) },
    { weight: 60, arbitrary: fc.record({ kind: fc.constant('calls' as const), calls: together(8) }) },
    {
      weight: 60,
      arbitrary: fc.record({ kind: fc.constant('change' as const), change, during: fc.constant([]) }),
    },
    {
      weight: 20,
      arbitrary: fc.record({ kind: fc.constant('change' as const), change, during: together(4) }),
    },
    { weight: deaths, arbitrary: fc.constant({ kind: 'restart' as const }) },
    { weight: deaths, arbitrary: fc.record({ kind: fc.constant('kill' as const), during: together(6) }) },
    {
      weight: harms,
      arbitrary: fc.record({
        kind: fc.constantFrom('empty' as const, 'stall' as const),
        during: together(6),
      }),
    },
  );
  return fc.record({ cast, steps: fc.array(step, { minLength: 3, maxLength: steps, size: 'max' }) });
}
