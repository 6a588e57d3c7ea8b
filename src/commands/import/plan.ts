import type { EntityManager, ObjectLiteral } from 'typeorm';
import { isRecord } from '#libs/kernel';
import type { Draft, Noun, UniqueName } from './draft.js';
import type { Omissions } from './omissions.js';

export interface ChangedRow {
  readonly draft: Draft;
  readonly where: Readonly<Record<string, unknown>>;
  /** Only what differs. */
  readonly columns: Record<string, unknown>;
}

/** What an import would do with one table. */
export interface Plan {
  readonly noun: Noun;
  readonly fresh: readonly Draft[];
  readonly changed: readonly ChangedRow[];
  readonly same: number;
  /** The ids that are here or will be. */
  readonly ids: ReadonlySet<string>;
}

export interface PlanOptions {
  /** Finds rows that are here under another id. */
  readonly match?: (rows: readonly ObjectLiteral[]) => (draft: Draft) => ObjectLiteral | undefined;
  /** Ids that are not to be made again. */
  readonly gone?: ReadonlySet<string>;
}

/**
 * Compares what LiteLLM has with what is here. What was deleted here stays deleted, and what was blocked here stays blocked: somebody
 * meant that.
 */
export async function planNoun(
  manager: EntityManager,
  noun: Noun,
  omissions: Omissions,
  { match, gone }: PlanOptions = {},
): Promise<Plan> {
  const rows = await manager.find(noun.entity);
  const here = new Map(rows.map((row) => [noun.idOf(row), row]));
  const find = match?.(rows);
  const deleted = await deletedHere(manager, noun.change);
  const holders = holdersOf(noun, rows);
  const fresh: Draft[] = [];
  const changed: ChangedRow[] = [];
  let same = 0;
  for (const draft of noun.drafts) {
    const note = omissions.of(noun.label, draft.name);
    const row = here.get(draft.id) ?? find?.(draft);
    giveUpTakenNames(draft, row ? noun.idOf(row) : draft.id, holders, note);
    if (row === undefined) {
      if (deleted.has(draft.id) || gone?.has(draft.id)) note('was deleted here and stays so');
      else fresh.push(draft);
      continue;
    }
    const stored = noun.open ? { ...row, ...(await noun.open(manager, row)) } : row;
    const columns = differences(draft, stored);
    if (stored['blocked'] === true && columns['blocked'] === false) {
      delete columns['blocked'];
      note('is blocked here and stays so');
    }
    if ('role' in draft.once && draft.once['role'] !== stored['role'])
      note('has another role here and keeps it');
    if (Object.keys(columns).length === 0) same += 1;
    else changed.push({ draft, where: whereOf(draft, row), columns });
  }
  return { noun, fresh, changed, same, ids: new Set([...here.keys(), ...fresh.map(({ id }) => id)]) };
}

function differences(draft: Draft, row: ObjectLiteral): Record<string, unknown> {
  const entries = Object.entries(draft.columns).filter(
    ([name, value]) => canonical(value) !== canonical(row[name]),
  );
  return Object.fromEntries(entries);
}

function whereOf(draft: Draft, row: ObjectLiteral): Record<string, unknown> {
  return Object.fromEntries(Object.keys(draft.identity).map((name) => [name, row[name] as unknown]));
}

/** Who has which name, by column. */
type Holders = readonly { readonly name: UniqueName; readonly ids: Map<string, string> }[];

function holdersOf({ unique = [], idOf }: Noun, rows: readonly ObjectLiteral[]): Holders {
  return unique.map((name) => {
    const ids = new Map<string, string>();
    for (const row of rows) {
      const value: unknown = row[name.column];
      if (typeof value === 'string') ids.set(name.fold(value), idOf(row));
    }
    return { name, ids };
  });
}

function giveUpTakenNames(draft: Draft, id: string, holders: Holders, note: (what: string) => void): void {
  for (const { name, ids } of holders) {
    const value = draft.columns[name.column];
    if (typeof value !== 'string') continue;
    const holder = ids.get(name.fold(value));
    if (holder === undefined) ids.set(name.fold(value), id);
    if (holder === undefined || holder === id) continue;
    draft.columns[name.column] = null;
    if (name.instead !== undefined) draft.columns[name.instead] = value;
    note(`${name.column} is taken by another and left out`);
  }
}

async function deletedHere(manager: EntityManager, noun: string): Promise<Set<string>> {
  const rows: { id: string }[] = await manager.query(
    `SELECT DISTINCT noun_id AS id FROM audit_events WHERE noun = $1 AND action = 'deleted'`,
    [noun],
  );
  return new Set(rows.map(({ id }) => id));
}

/** The same text for the same value, whatever the order of members. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_name, one: unknown) => {
    if (typeof one === 'bigint') return `${one}n`;
    if (!isRecord(one)) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
