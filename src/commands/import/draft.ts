import type { ChangeNoun } from '#libs/database';
import type { NanoUsd, ScopeType } from '#libs/kernel';
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';

/** A row as it should be here. */
export interface Draft {
  /** Stable here: what audit, changes and spend name it by. */
  readonly id: string;
  /** What people know it by. */
  readonly name: string;
  readonly identity: Readonly<Record<string, unknown>>;
  /** What LiteLLM decides at every import. */
  readonly columns: Record<string, unknown>;
  /** What is only said when the row is made: who somebody is, and since when. Absent members get the schema's defaults. */
  readonly once: Readonly<Record<string, unknown>>;
  readonly spend?: Spend;
  /** By what other names processes hear of it. */
  readonly told?: readonly string[];
}

/** What LiteLLM counted: in the budget's current period, and ever. */
export interface Spend {
  readonly currentNano: NanoUsd;
  readonly everNano: NanoUsd;
  /** When the current period ends; in the past, nothing was spent in the current one. */
  readonly resetAt: Date | null;
}

/** Rows of one table. */
export interface Noun {
  readonly label: string;
  /** `invitation`: audited under this word, and in nobody's cache. */
  readonly change: ChangeNoun | 'invitation';
  readonly entity: EntityTarget<ObjectLiteral>;
  readonly drafts: readonly Draft[];
  /** The `Draft.id` of a row that is here. */
  readonly idOf: (row: ObjectLiteral) => string;
  /** The scope that its spend counts in. */
  readonly scope?: ScopeType;
  /** Other names that must not be there twice; a row that comes too late goes without. `instead`: where such a name may stand. */
  readonly unique?: readonly UniqueName[];
  /** Secrets: the columns to compare of a row that is here, and those to write. */
  readonly open?: (manager: EntityManager, row: ObjectLiteral) => Promise<Readonly<Record<string, unknown>>>;
  readonly seal?: (
    manager: EntityManager,
    id: string,
    columns: Record<string, unknown>,
  ) => Promise<Record<string, unknown>>;
}

export interface UniqueName {
  readonly column: string;
  readonly fold: (value: string) => string;
  readonly instead?: string;
}
