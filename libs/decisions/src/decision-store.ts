import { Injectable } from '@nestjs/common';
import { ensureDayPartitions, readAs, StoredDecision, withTransaction } from '#libs/database';
import { dayOf, type Principal } from '#libs/kernel';
import { administered, seesEverything, standingOf } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import type { Check } from './check.js';
import type { Decision, Subject } from './decision.js';

const WRITER = { system: 'decisions' };

/** Refusals of known callers in PostgreSQL, a table for each day. */
@Injectable()
export class DecisionStore {
  readonly #days = new Set<string>();

  constructor(private readonly dataSource: DataSource) {}

  /** Adds them in one statement; one that is there already stays as it is. */
  async keep(decisions: readonly Decision[]): Promise<void> {
    const dates = decisions.map(({ at }) => dayOf(at.getTime()));
    const days = [...new Set(dates)].filter((day) => !this.#days.has(day));
    try {
      await withTransaction(this.dataSource, WRITER, async (manager) => {
        for (const day of days) await ensureDayPartitions(manager, 'decisions', day, 1);
        await manager.query(
          `INSERT INTO decisions (day, id, at, code, status, message, route, model, request_id,
             credential, role, key_id, user_id, team_id, organization_id, customer_id, checks)
           SELECT * FROM unnest($1::date[], $2::text[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[],
             $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::jsonb[])
           ON CONFLICT DO NOTHING`,
          [
            dates,
            decisions.map(({ id }) => id),
            decisions.map(({ at }) => at),
            decisions.map(({ code }) => code),
            decisions.map(({ status }) => status),
            decisions.map(({ message }) => message.replaceAll('\0', '')),
            decisions.map(({ route }) => route),
            decisions.map(({ model }) => model),
            decisions.map(({ requestId }) => requestId),
            decisions.map(({ subject }) => subject?.credential ?? null),
            decisions.map(({ subject }) => subject?.role ?? null),
            decisions.map(({ subject }) => subject?.keyId ?? null),
            decisions.map(({ subject }) => subject?.userId ?? null),
            decisions.map(({ subject }) => subject?.teamId ?? null),
            decisions.map(({ subject }) => subject?.organizationId ?? null),
            decisions.map(({ subject }) => subject?.customerId ?? null),
            decisions.map(({ checks }) => JSON.stringify(checks).replaceAll('\\u0000', '')),
          ],
        );
      });
    } catch (thrown) {
      this.#days.clear();
      throw thrown;
    }
    for (const day of days) this.#days.add(day);
  }

  /** One decision, when it is the reader's to see: its own, one of an organization it administers, any for administrators. */
  find(reader: Principal, id: string): Promise<Decision | undefined> {
    return readAs(this.dataSource, reader, async (manager) => {
      const row = await manager.findOneBy(StoredDecision, { id });
      if (row === null) return undefined;
      const decision = fromRow(row);
      if (isOwn(reader, decision) || seesEverything(reader)) return decision;
      const { organizationIds } = administered(await standingOf(manager, reader));
      const of = decision.subject?.organizationId ?? null;
      return of !== null && organizationIds.includes(of) ? decision : undefined;
    });
  }
}

/** Of the caller's own key, or of the person it is. A key that only calls models is nobody. */
export function isOwn({ role, key, user }: Principal, { subject }: Decision): boolean {
  if (subject === null) return false;
  if (key !== undefined && subject.keyId === key.id) return true;
  return role !== 'team' && role !== 'customer' && user !== undefined && subject.userId === user.id;
}

function fromRow(row: StoredDecision): Decision {
  const { credential, role, keyId, userId, teamId, organizationId, customerId } = row;
  return {
    id: row.id,
    at: row.at,
    code: row.code,
    status: row.status,
    message: row.message,
    route: row.route,
    model: row.model,
    requestId: row.requestId,
    subject: { credential, role, keyId, userId, teamId, organizationId, customerId } as Subject,
    checks: row.checks as unknown as Check[],
  };
}
