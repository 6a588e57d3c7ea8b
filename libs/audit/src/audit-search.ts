import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Chain, Items } from './record.js';
import { readable } from './record.js';

/** What a search is narrowed by; an absent member does not narrow. */
export interface AuditFilter {
  readonly chain?: Chain | undefined;
  readonly actorUserId?: string | undefined;
  readonly actorKeyId?: string | undefined;
  readonly action?: string | undefined;
  readonly noun?: string | undefined;
  readonly nounId?: string | undefined;
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
  /** Anywhere in what was recorded. */
  readonly text?: string | undefined;
  readonly oldestFirst: boolean;
  readonly limit: number;
  readonly offset: number;
}

/** An event as people read it. `seq`: null until the sealer has given the row its place. */
export interface FoundEvent {
  readonly id: string;
  readonly seq: string | null;
  readonly chain: Chain;
  readonly at: string;
  readonly actorUserId: string | null;
  readonly actorKeyId: string | null;
  readonly actorIp: string | null;
  readonly requestId: string | null;
  readonly action: string;
  readonly noun: string;
  readonly nounId: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

interface Row {
  readonly id: string;
  readonly seq: string | null;
  readonly chain: Chain;
  readonly record: string;
  readonly items: Items | null;
}

/** Reads the trail for people: what was recorded, with its values where they were not erased. */
@Injectable()
export class AuditSearch {
  constructor(private readonly dataSource: DataSource) {}

  /** A page and how many match in all. Nobody is judged here: the routes are the proxy administrators’. */
  async find(
    filter: AuditFilter,
  ): Promise<{ readonly events: readonly FoundEvent[]; readonly total: number }> {
    const values: unknown[] = [];
    const where = ['e.record IS NOT NULL', ...conditionsOf(filter, values)].join(' AND ');
    const order = filter.oldestFirst ? 'ASC' : 'DESC';
    const [[counted], rows] = (await Promise.all([
      this.dataSource.query(
        `SELECT count(*)::int AS total FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id WHERE ${where}`,
        values,
      ),
      this.dataSource.query(
        `SELECT e.id, e.seq, e.chain, e.record, v.items FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id
         WHERE ${where} ORDER BY e.at ${order}, e.id ${order} LIMIT ${filter.limit} OFFSET ${filter.offset}`,
        values,
      ),
    ])) as [[{ total: number }], Row[]];
    return { events: rows.map(toFound), total: counted.total };
  }

  /** Undefined when there is none, or when retention has let it go. */
  async byId(id: string): Promise<FoundEvent | undefined> {
    const rows: Row[] = await this.dataSource.query(
      `SELECT e.id, e.seq, e.chain, e.record, v.items FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id
       WHERE e.id = $1 AND e.record IS NOT NULL`,
      [id],
    );
    return rows[0] && toFound(rows[0]);
  }
}

function conditionsOf(filter: AuditFilter, values: unknown[]): string[] {
  const conditions: string[] = [];
  const add = (value: unknown, condition: (place: string) => string): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  add(filter.chain, (place) => `e.chain = ${place}`);
  add(filter.actorUserId, (place) => `e.actor_user_id = ${place}`);
  add(filter.actorKeyId, (place) => `e.actor_key_id = ${place}`);
  add(filter.action, (place) => `e.action = ${place}`);
  add(filter.noun, (place) => `e.noun = ${place}`);
  add(filter.nounId, (place) => `e.noun_id = ${place}`);
  add(filter.from, (place) => `e.at >= ${place}`);
  add(filter.until, (place) => `e.at < ${place}`);
  add(
    filter.text,
    (place) => `position(lower(${place}) IN lower(coalesce(v.items::text, '') || e.noun_id)) > 0`,
  );
  return conditions;
}

function toFound({ id, seq, chain, record, items }: Row): FoundEvent {
  return { id, seq, chain, ...readable(record, items ?? {}) } as FoundEvent;
}
