import type { Governed, StoredBudget } from '#libs/database';
import { grantsEverything, isRecord, NO_MODELS, TEAM_MODELS } from '#libs/kernel';
import { wireName } from './wire-names.js';

/** The part of a row that says how much its holder may do. Everything is read as "at most": an absent value is no bound. */
export interface Powers {
  readonly models: readonly string[];
  readonly allowedRoutes: readonly string[];
  readonly tags: readonly string[];
  readonly expiresAt: Date | null;
  readonly maxBudgetNano: bigint | null;
  readonly budgetDuration: string | null;
  readonly budgetWindows: readonly StoredBudget[];
  readonly modelBudgets: Readonly<Record<string, StoredBudget>>;
  readonly rpmLimit: number | null;
  readonly tpmLimit: number | null;
  readonly inputTpmLimit: number | null;
  readonly outputTpmLimit: number | null;
  readonly maxParallelRequests: number | null;
  readonly modelRpmLimits: Readonly<Record<string, number>>;
  readonly modelTpmLimits: Readonly<Record<string, number>>;
  readonly tagRpmLimits: Readonly<Record<string, number>>;
}

/** What a bound does not mention it does not bound: a team has no routes, a user no expiry. */
export type Bound = { readonly [Name in keyof Powers]?: Powers[Name] | undefined };

type Within<Name extends keyof Powers> = (wanted: Powers[Name], bound: Powers[Name]) => boolean;

const WITHIN: { readonly [Name in keyof Powers]: Within<Name> } = {
  models: isModelListWithin,
  allowedRoutes: (wanted, bound) =>
    bound.length === 0 || (wanted.length > 0 && wanted.every((each) => bound.includes(each))),
  // A tag carries a budget of its own: dropping one escapes it.
  tags: (wanted, bound) => bound.every((each) => wanted.includes(each)),
  expiresAt: (wanted, bound) => bound === null || (wanted !== null && wanted.getTime() <= bound.getTime()),
  maxBudgetNano: isAmountWithin,
  // Judged together with the amount: see `widerPower`.
  budgetDuration: () => true,
  budgetWindows: (wanted, bound) =>
    bound.every((each) =>
      wanted.some((one) => one.duration === each.duration && BigInt(one.capNano) <= BigInt(each.capNano)),
    ),
  modelBudgets: (wanted, bound) =>
    Object.entries(bound).every(([model, each]) => {
      const own = wanted[model];
      return (
        own !== undefined && own.duration === each.duration && BigInt(own.capNano) <= BigInt(each.capNano)
      );
    }),
  rpmLimit: isAmountWithin,
  tpmLimit: isAmountWithin,
  inputTpmLimit: isAmountWithin,
  outputTpmLimit: isAmountWithin,
  maxParallelRequests: isAmountWithin,
  modelRpmLimits: isMapWithin,
  modelTpmLimits: isMapWithin,
  tagRpmLimits: isMapWithin,
};
const POWER_NAMES = Object.keys(WITHIN) as (keyof Powers)[];

export function isPower(column: string): column is keyof Powers {
  return Object.hasOwn(WITHIN, column);
}

/** The contract's name of the first power in which `wanted` goes beyond `bound`; undefined: in none. */
export function widerPower(bound: Bound, wanted: Bound): string | undefined {
  for (const name of POWER_NAMES)
    if (bound[name] !== undefined && !isWithin(name, wanted, bound)) return wireName(name);
  // The same money more often is more money: with a budget, the period has to be the bound's.
  const isBudgeted = bound.maxBudgetNano !== undefined && bound.maxBudgetNano !== null;
  if (!isBudgeted || bound.budgetDuration === undefined) return undefined;
  const isSame = (wanted.budgetDuration ?? null) === bound.budgetDuration;
  return isSame || (wanted.budgetDuration ?? null) === null ? undefined : wireName('budgetDuration');
}

/**
 * The powers of `bound` where `wanted` says nothing: a key made with a limited key is limited alike without being told.
 * What is wanted beyond the bound stays, for `widerPower` to find.
 */
export function inherited(bound: Bound, wanted: Bound): Partial<Powers> {
  const filled: Partial<Record<keyof Powers, unknown>> = {};
  for (const name of POWER_NAMES) {
    if (name === 'budgetDuration' || bound[name] === undefined) continue;
    if (!saysNothing(wanted[name]) || saysNothing(bound[name])) continue;
    filled[name] = bound[name];
    if (name === 'maxBudgetNano') filled.budgetDuration = bound.budgetDuration ?? null;
  }
  return filled as Partial<Powers>;
}

function isWithin<Name extends keyof Powers>(name: Name, wanted: Bound, bound: Bound): boolean {
  const value = wanted[name] ?? (Array.isArray(bound[name]) ? [] : isMap(bound[name]) ? {} : null);
  return WITHIN[name](value as Powers[Name], bound[name] as Powers[Name]);
}

function isModelListWithin(wanted: readonly string[], bound: readonly string[]): boolean {
  if (bound.length === 0 || bound.some(grantsEverything)) return true;
  // An empty list is every model.
  return (
    wanted.length > 0 && wanted.every((each) => each === NO_MODELS || bound.some((one) => covers(one, each)))
  );
}

/** Globs are compared by their plain form only, `gpt-*` covering `gpt-4o`; what is not plainly covered is not covered. */
function covers(granted: string, wanted: string): boolean {
  if (granted === wanted) return true;
  const star = granted.indexOf('*');
  return (
    star === granted.length - 1 &&
    star > 0 &&
    !wanted.includes('*') &&
    wanted.startsWith(granted.slice(0, -1))
  );
}

function isAmountWithin<T extends number | bigint>(wanted: T | null, bound: T | null): boolean {
  return bound === null || (wanted !== null && wanted <= bound);
}

function isMapWithin(
  wanted: Readonly<Record<string, number>>,
  bound: Readonly<Record<string, number>>,
): boolean {
  return Object.entries(bound).every(([model, most]) => {
    const own = wanted[model];
    return own !== undefined && own <= most;
  });
}

function isMap(value: unknown): boolean {
  return isRecord(value) && !(value instanceof Date);
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.keys(value as object).length === 0;
}

/** Models, money and limits of a row that stands above others (team, organization), as a bound for what is written below it. */
export function boundOf(row: Governed & { readonly models: readonly string[] }): Bound {
  const { maxBudgetNano, rpmLimit, tpmLimit, inputTpmLimit, outputTpmLimit, maxParallelRequests } = row;
  const models = row.models.length === 0 ? [] : [...row.models, TEAM_MODELS];
  return { models, maxBudgetNano, rpmLimit, tpmLimit, inputTpmLimit, outputTpmLimit, maxParallelRequests };
}
