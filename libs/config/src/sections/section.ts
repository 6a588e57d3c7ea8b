import type { z } from 'zod';
import { findNearestName } from '../nearest-name.js';
import type { Findings } from '../problems.js';
import { isPlainObject } from '../secret-values.js';

/** A setting that LiteLLM knows and this version does not act on. */
export interface UnbuiltSetting {
  readonly message: string;
  /** True where going on without it would weaken security: start is refused. */
  readonly refuses: boolean;
}
export type UnbuiltSettings = ReadonlyMap<string, UnbuiltSetting>;

/** Settings whose feature is missing, grouped by the feature's name as an operator would look for it. */
export function notBuilt(features: Readonly<Record<string, readonly string[]>>): [string, UnbuiltSetting][] {
  return Object.entries(features).flatMap(([feature, names]) =>
    names.map((name): [string, UnbuiltSetting] => [
      name,
      { message: `${feature}: not there yet; this setting does nothing.`, refuses: false },
    ]),
  );
}

/** The same, for settings that guard something: whoever wrote one relies on it. */
export function guards(features: Readonly<Record<string, readonly string[]>>): [string, UnbuiltSetting][] {
  return Object.entries(features).flatMap(([feature, names]) =>
    names.map((name): [string, UnbuiltSetting] => [
      name,
      {
        message: `${feature}: not there yet, and to ignore this setting would weaken security. Remove it to start without.`,
        refuses: true,
      },
    ]),
  );
}

/** Settings that need nothing here; the sentence says why. */
export function moot(settings: Readonly<Record<string, string>>): [string, UnbuiltSetting][] {
  return Object.entries(settings).map(([name, message]) => [name, { message, refuses: false }]);
}

/** Every section, so that a setting in the wrong one can be told where it belongs. */
export interface SectionNames {
  readonly name: string;
  readonly settings: readonly string[];
}

export interface SectionRules<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly schema: z.ZodObject<Shape>;
  readonly unbuilt: UnbuiltSettings;
  /** Settings that only ever restrict: a misspelt one must not pass for absent. */
  readonly protective: ReadonlySet<string>;
  readonly others: () => readonly SectionNames[];
}

/** A value that asks for nothing: the feature is off, so its absence needs no word. */
export function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 'false')
    return true;
  if (Array.isArray(value)) return value.length === 0;
  return isPlainObject(value) && Object.keys(value).length === 0;
}

/**
 * Reads one section: validates what this version honours, says of every other setting why it does nothing, and of an
 * unknown one what it may have meant. Never throws; with a wrong type anywhere the section counts as empty, and
 * `findings` has the errors.
 */
export function parseSection<Shape extends z.ZodRawShape>(
  raw: unknown,
  rules: SectionRules<Shape>,
  findings: Findings,
): Partial<z.output<z.ZodObject<Shape>>> {
  if (raw === undefined || raw === null) return {};
  if (!isPlainObject(raw)) {
    findings.error(rules.name, `expected settings (a mapping), got ${typeName(raw)}`);
    return {};
  }
  const known = new Set([...Object.keys(rules.schema.shape), ...rules.unbuilt.keys()]);
  const honoured: [string, unknown][] = [];
  for (const [name, value] of Object.entries(raw)) {
    if (value === null || value === undefined) continue;
    const unbuilt = rules.unbuilt.get(name);
    if (Object.hasOwn(rules.schema.shape, name)) honoured.push([name, value]);
    else if (unbuilt) {
      if (!isOff(value)) findings.unsupported(`${rules.name}.${name}`, unbuilt.message, unbuilt.refuses);
    } else reportUnknown(name, value, known, rules, findings);
  }
  return (check(rules.schema.partial(), Object.fromEntries(honoured), rules.name, findings) ?? {}) as Partial<
    z.output<z.ZodObject<Shape>>
  >;
}

function reportUnknown<Shape extends z.ZodRawShape>(
  name: string,
  value: unknown,
  known: ReadonlySet<string>,
  rules: SectionRules<Shape>,
  findings: Findings,
): void {
  const path = `${rules.name}.${name}`;
  const home = rules.others().find((section) => section.settings.includes(name));
  const nearest = home ? undefined : findNearestName(name, known);
  const meant = home ? name : nearest;
  const refuses = meant !== undefined && rules.protective.has(meant) && !isOff(value);
  const hint = home ? ` It belongs into ${home.name}.` : nearest ? ` Did you mean \`${nearest}\`?` : '';
  const why = refuses ? ' It would restrict access, so nothing starts while it is ignored.' : '';
  findings.unknown(path, `This setting is not known and does nothing.${hint}${why}`, refuses);
}

/** Validates a value against a schema; every mismatch becomes an error at its dotted path. */
export function check<T extends z.ZodType>(
  schema: T,
  value: unknown,
  path: string,
  findings: Findings,
): z.output<T> | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) reportIssue(issue, value, path, findings);
  return undefined;
}

function reportIssue(issue: z.core.$ZodIssue, root: unknown, path: string, findings: Findings): void {
  const at = [...(path === '' ? [] : [path]), ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      findings.error(at === '' ? key : `${at}.${key}`, 'this setting is not known here');
    return;
  }
  const actual = valueAt(root, issue.path);
  if (issue.code === 'invalid_type') {
    findings.error(
      at,
      `expected ${issue.expected === 'int' ? 'a whole number' : issue.expected}, got ${typeName(actual)}`,
    );
    return;
  }
  findings.error(at, sentence(issue));
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small' && issue.origin !== 'string')
    return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
  // Only our own sentences and zod's fixed ones come here; neither repeats the value.
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    root,
  );
}

/** What a value is, in the words of a YAML file. Never the value itself. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : 'Infinity';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction';
  return typeof value === 'object' ? 'mapping' : typeof value;
}
