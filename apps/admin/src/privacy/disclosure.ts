import { Injectable } from '@nestjs/common';
import { auditCopy } from '#libs/audit';
import { DataSource } from 'typeorm';
import { patternOf } from './person-pattern.js';
import { findSubject, type Subject } from './subject.js';
import { parentOf, rowsNaming, textTables } from './tables.js';

const MOST_ROWS = 50_000;

/** All that is kept of one person or customer, table by table. */
export interface Disclosed {
  readonly subject: Pick<Subject, 'kind' | 'id'>;
  readonly tables: Readonly<Record<string, readonly Record<string, unknown>[]>>;
  readonly audit: readonly Record<string, unknown>[];
  /** Tables with more rows than are shown. */
  readonly cut: readonly string[];
}

/** Collects what is kept of somebody. Secrets (hashes of keys, of passwords) are masked: they are not the person's. */
@Injectable()
export class Disclosure {
  constructor(private readonly dataSource: DataSource) {}

  async collect(kind: Subject['kind'], id: string): Promise<Disclosed> {
    const subject = await findSubject(this.dataSource, kind, id);
    const pattern = patternOf(subject.terms);
    const tables: Record<string, Record<string, unknown>[]> = {};
    const cut: string[] = [];
    for (const table of await textTables(this.dataSource)) {
      const name = parentOf(table.name);
      const rows = await rowsNaming(this.dataSource, table, pattern, MOST_ROWS + 1);
      if (rows.length === 0) continue;
      if (rows.length > MOST_ROWS) cut.push(name);
      tables[name] = [...(tables[name] ?? []), ...rows.slice(0, MOST_ROWS).map(auditCopy)];
    }
    return { subject: { kind, id }, tables, audit: await this.#audit(id, pattern.json), cut };
  }

  async #audit(id: string, pattern: string): Promise<Record<string, unknown>[]> {
    const rows: {
      id: string;
      at: Date;
      action: string;
      noun: string;
      items: Record<string, [string, string]>;
    }[] = await this.dataSource.query(
      `SELECT e.id, e.at, e.action, e.noun, v.items FROM audit_events e JOIN audit_values v ON v.event_id = e.id
         WHERE e.actor_user_id = $1 OR EXISTS (SELECT FROM jsonb_each(v.items) AS item WHERE item.value ->> 1 ~* $2)
         ORDER BY e.at LIMIT ${MOST_ROWS}`,
      [id, pattern],
    );
    return rows.map(({ items, ...event }) => ({
      ...event,
      at: event.at.toISOString(),
      values: Object.fromEntries(
        Object.entries(items).map(([name, [, text]]) => [name, JSON.parse(text) as unknown]),
      ),
    }));
  }
}
