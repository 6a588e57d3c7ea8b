import { hash } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock, dayOf } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { type AuditEntry, AuditTrail, NOBODY } from './audit-trail.js';
import type { Actor } from './record.js';

const FLUSH_MS = 1_000;
/** A second's worth that is written out in full; of the rest the number is. */
const MOST_AT_ONCE = 200;
const MOST_OF_ONE_SOURCE = 20;
/** While the store is away, this much waits. */
const MOST_WAITING = 5_000;
/** The same reader of the same thing is one row within this time. */
const SAME_READ_MS = 60_000;

/**
 * Who knocked: refusals, reads of what is secret, uses of stored credentials. A chain of its own, written in batches
 * and bounded: a flood is a number in a row, and the admin plane goes on. Nobody waits for it, and nothing here throws.
 */
@Injectable()
export class AccessJournal implements OnModuleDestroy {
  #waiting: AuditEntry[] = [];
  #ofSource = new Map<string, number>();
  #suppressed = 0;
  #timer: NodeJS.Timeout | undefined;
  #day = '';
  readonly #usedToday = new Set<string>();
  readonly #reads = new LRUCache<string, true>({ max: 10_000, ttl: SAME_READ_MS });

  constructor(
    private readonly dataSource: DataSource,
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Somebody was turned away from a route of the control plane. */
  refused(actor: Actor, route: string, status: number): void {
    this.#add({ actor, action: 'refused', noun: 'route', nounId: route, after: { status } });
  }

  /** Somebody did not get in; `how` is the way in and why not. */
  signInRefused(actor: Actor, how: string): void {
    this.#add({
      actor,
      action: 'refused',
      noun: 'session',
      nounId: actor.userId ?? 'unknown',
      after: { how },
    });
  }

  /** Somebody looked at what is not its own, and secret or nearly so. */
  read(actor: Actor, noun: string, nounId: string): void {
    const same = `${actor.userId}\0${actor.keyId}\0${actor.ip}\0${noun}\0${nounId}`;
    if (this.#reads.has(same)) return;
    this.#reads.set(same, true);
    this.#add({ actor, action: 'read', noun, nounId });
  }

  /** A stored credential was used: one row a day and credential, whatever the number of processes. Cheap from the second time on. */
  credentialUsed(name: string): void {
    const day = dayOf(this.clock.nowMs());
    if (day !== this.#day) {
      this.#day = day;
      this.#usedToday.clear();
    }
    if (this.#usedToday.has(name)) return;
    this.#usedToday.add(name);
    const id = `audit_${hash('sha256', `use ${day} ${name}`).slice(0, 25)}`;
    // Past the bounds of a flood, which would lose it for the day: there are no more of these than credentials.
    this.#keep({ id, actor: NOBODY, action: 'used', noun: 'credential', nounId: name, after: { day } });
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#waiting;
    const suppressed = this.#suppressed;
    this.#waiting = [];
    this.#suppressed = 0;
    this.#ofSource.clear();
    if (suppressed > 0)
      entries.push({
        actor: NOBODY,
        action: 'suppressed',
        noun: 'route',
        nounId: 'any',
        after: { count: suppressed },
        at: this.#now(),
      });
    if (entries.length === 0) return;
    try {
      await this.trail.record(this.dataSource, entries, 'access');
    } catch (error) {
      this.logger.warn({ error, waiting: entries.length }, 'The access journal waits for the store.');
      this.#waiting = [...entries, ...this.#waiting].slice(0, MOST_WAITING);
      this.#later();
    }
  }

  #add(entry: AuditEntry): void {
    const source = entry.actor.ip ?? '';
    const ofSource = (this.#ofSource.get(source) ?? 0) + 1;
    this.#ofSource.set(source, ofSource);
    if (this.#waiting.length < MOST_AT_ONCE && ofSource <= MOST_OF_ONE_SOURCE) return this.#keep(entry);
    this.#suppressed += 1;
    this.#later();
  }

  #keep(entry: AuditEntry): void {
    this.#waiting.push({ ...entry, at: this.#now() });
    this.#later();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  #now(): Date {
    return new Date(this.clock.nowMs());
  }
}
