import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import type { Scope } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';

const ALERTS = { system: 'alerts' };
/** Names of alerts that are in the book already: without them each call of an exhausted key would ask the database. */
const MOST_REMEMBERED = 50_000;

/** Something worth telling. The same twice is one: event, scope, occasion and threshold name it. */
export interface NewAlert {
  readonly event: string;
  readonly scope: Scope;
  /** Budget and period, or the window of a burst: what "once" refers to. */
  readonly occasion: string;
  readonly threshold: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Where alerts are written down, once across all replicas, together with every delivery they need. */
@Injectable()
export class AlertBook {
  readonly #known = new Set<string>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly config: Config,
  ) {}

  /** Whether anybody would be told of events of this type (`budget_alerts`, ...). */
  wants(type: string): boolean {
    const { channels, types } = this.config.alerts;
    return channels.length > 0 && types.includes(type);
  }

  /** Whether this process has seen it raised: saves a question, and decides nothing. Who raises it all the same is told that it was not new. */
  isKnown(alert: Pick<NewAlert, 'event' | 'scope' | 'occasion' | 'threshold'>): boolean {
    return this.#known.has(idOf(alert));
  }

  /** Returns how many were new. Safe to race: of all who raise an alert, one stores it and its deliveries. `channels`: all, unless named. */
  async raise(alerts: readonly NewAlert[], channels?: readonly string[]): Promise<number> {
    if (alerts.length === 0) return 0;
    const stored = await withTransaction(this.dataSource, ALERTS, (manager) =>
      this.raiseIn(manager, alerts, channels),
    );
    if (this.#known.size > MOST_REMEMBERED) this.#known.clear();
    for (const alert of alerts) this.#known.add(idOf(alert));
    return stored;
  }

  /** The same as a part of the transaction that what is told belongs to: both are committed, or neither. */
  async raiseIn(
    manager: EntityManager,
    alerts: readonly NewAlert[],
    channels: readonly string[] = this.config.alerts.channels.map(({ name }) => name),
  ): Promise<number> {
    const rows = alerts
      .map((alert) => ({ id: idOf(alert), alert }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const fresh: unknown[] = await manager.query(
      `WITH fresh AS (
         INSERT INTO alerts (id, event, scope_type, scope_id, payload)
         SELECT t.id, t.event, t.type, t.scope, t.payload::jsonb
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS t (id, event, type, scope, payload)
         ON CONFLICT DO NOTHING RETURNING id
       ), sent AS (
         INSERT INTO alert_deliveries (alert_id, channel) SELECT id, channel FROM fresh, unnest($6::text[]) AS channel
       ) SELECT id FROM fresh`,
      [
        rows.map(({ id }) => id),
        rows.map(({ alert }) => alert.event),
        rows.map(({ alert }) => alert.scope.type),
        rows.map(({ alert }) => alert.scope.id),
        rows.map(({ id, alert }) => JSON.stringify({ ...alert.payload, alert_id: id })),
        channels,
      ],
    );
    return fresh.length;
  }
}

function idOf({
  event,
  scope,
  occasion,
  threshold,
}: Pick<NewAlert, 'event' | 'scope' | 'occasion' | 'threshold'>): string {
  return hash('sha256', JSON.stringify([event, scope.type, scope.id, occasion, threshold])).slice(0, 32);
}
