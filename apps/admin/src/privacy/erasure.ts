import { createHmac, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Actor, AuditTrail, clearAuditValues, type Cleared } from '#libs/audit';
import { Config } from '#libs/config';
import {
  Changes,
  type ChangeMark,
  cleanUpChanges,
  holdDaysInPlace,
  type RevocationReceipt,
  withTransaction,
} from '#libs/database';
import { newId } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { eraseFromFiles } from './outside-files.js';
import { patternOf, type PersonPattern } from './person-pattern.js';
import { findSubject, type Subject } from './subject.js';
import { parentOf, replaceIn, textTables } from './tables.js';

const ERASER = { system: 'privacy-erasure' };
/** Drains of other processes come every 100 ms; after the last right is gone this much is enough for what was under way. */
const DRAIN_MS = 1_000;

/** What whoever asked for an erasure gets. The salt is in no other place: with it the certificate shows whom it is about. */
export interface Certificate {
  readonly id: string;
  readonly at: Date;
  readonly subject: Pick<Subject, 'kind' | 'id'>;
  readonly subjectSalt: string;
  readonly subjectCommitment: string;
  readonly standIn: string;
  /** Rows and places that were changed or removed, by where. */
  readonly counts: Readonly<Record<string, number>>;
  readonly revocation: RevocationReceipt | undefined;
  /** Where the operator has to look itself. */
  readonly untouched: readonly string[];
}

/**
 * Erases one person or customer: its rows go, its name gives way to a stand-in wherever else it stands (so that sums stay
 * right), its values leave the audit trail, whose chain stays whole. Doing it again finishes what was interrupted.
 */
@Injectable()
export class Erasure {
  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: Changes,
    private readonly trail: AuditTrail,
    private readonly config: Config,
  ) {}

  async erase(kind: Subject['kind'], id: string, actor: Actor): Promise<Certificate> {
    const subject = await findSubject(this.dataSource, kind, id);
    const pattern = patternOf(subject.terms);
    const standIn = `erased-${randomBytes(6).toString('hex')}`;
    const counts: Record<string, number> = {};
    const add = (where: string, count: number): void => {
      if (count > 0) counts[where] = (counts[where] ?? 0) + count;
    };

    const mark = await this.#transact((manager) => this.#removeRows(manager, subject, add));
    const revocation = await this.changes.waitForReplicas(this.dataSource, mark);
    await delay(DRAIN_MS);

    for (const table of await textTables(this.dataSource))
      add(
        parentOf(table.name),
        await this.#transact((manager) => replaceIn(manager, table, pattern, standIn)),
      );
    const outside = eraseFromFiles(this.config, new RegExp(pattern.text, 'gim'), standIn);
    for (const [where, count] of Object.entries(outside.counts)) add(where, count);

    const subjectSalt = randomBytes(16).toString('base64url');
    const certificate: Certificate = {
      id: newId('erasure'),
      at: new Date(),
      subject: { kind, id },
      subjectSalt,
      subjectCommitment: createHmac('sha256', subjectSalt).update(`${kind}:${id}`).digest('base64url'),
      standIn,
      counts,
      revocation,
      untouched: [...outside.untouched, ...(await this.#elsewhere())],
    };
    await this.#transact((manager) => this.#certify(manager, certificate, subject, pattern, actor, add));
    await this.#forgetChanges();
    await this.#scrub(Object.keys(counts));
    return certificate;
  }

  #transact<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withTransaction(this.dataSource, ERASER, async (manager) => {
      // A day's table is read whole, however long that takes.
      await manager.query('SET LOCAL statement_timeout = 0');
      await holdDaysInPlace(manager);
      return work(manager);
    });
  }

  /** What is the person's alone goes as rows; whoever had its rights cached is told. */
  async #removeRows(
    manager: EntityManager,
    { kind, id, keys }: Subject,
    add: (where: string, count: number) => void,
  ): Promise<ChangeMark> {
    const remove = async (where: string, sql: string, values: unknown[]): Promise<void> => {
      const result: [unknown, number] = await manager.query(sql, values);
      add(where, result[1]);
    };
    const keyIds = keys.map((key) => key.id);
    if (kind === 'user') {
      await remove('key_graces', 'DELETE FROM key_graces WHERE key_id = ANY ($1::text[])', [keyIds]);
      await remove('virtual_keys', 'DELETE FROM virtual_keys WHERE user_id = $1', [id]);
      await remove('archived_keys', `DELETE FROM archived_keys WHERE "row" ->> 'user_id' = $1`, [id]);
      await remove('team_members', 'DELETE FROM team_members WHERE user_id = $1', [id]);
      await remove('organization_members', 'DELETE FROM organization_members WHERE user_id = $1', [id]);
      await remove('users', 'DELETE FROM users WHERE id = $1', [id]);
    } else await remove('customers', 'DELETE FROM customers WHERE id = $1', [id]);
    const column = kind === 'user' ? 'user_id' : 'customer_id';
    await remove(
      'logged_prompts',
      `DELETE FROM logged_prompts WHERE ${column} = $1 OR key_id = ANY ($2::text[])`,
      [id, keyIds],
    );
    // Where it was and what it used; what it cost stays.
    await remove(
      'ledger_entries',
      `UPDATE ledger_entries SET requester_ip = NULL, user_agent = NULL, session_id = NULL, client_call_id = NULL, error_message = NULL
       WHERE ${column} = $1`,
      [id],
    );
    for (const key of keys) {
      await this.changes.publish(manager, 'key', key.id);
      await this.changes.publish(manager, 'key_hash', key.hash);
    }
    await this.changes.publish(manager, kind, id);
    return this.changes.publish(manager, 'erasure', randomBytes(6).toString('hex'));
  }

  async #certify(
    manager: EntityManager,
    certificate: Certificate,
    { kind, id }: Subject,
    pattern: PersonPattern,
    actor: Actor,
    add: (where: string, count: number) => void,
  ): Promise<void> {
    const cleared: Cleared = await clearAuditValues(manager, pattern.json, [id]);
    add(
      'audit_values',
      Object.values(cleared).reduce((sum, names) => sum + names.length, 0),
    );
    const { id: certificateId, subjectCommitment, standIn, counts, at } = certificate;
    await this.trail.record(manager, {
      actor,
      action: 'erased',
      noun: kind,
      nounId: standIn,
      after: { certificate: certificateId, subjectCommitment, counts },
      at,
      cleared,
    });
    await manager.query(
      `INSERT INTO privacy_erasures (id, at, kind, subject_commitment, stand_in, counts) VALUES ($1, $2, $3, $4, $5, $6)`,
      [certificateId, at, kind, subjectCommitment, standIn, JSON.stringify(counts)],
    );
  }

  /** Changes name what changed. Whoever has not read them yet is told that it missed something, and drops all it knows. */
  async #forgetChanges(): Promise<void> {
    await this.#transact((manager) => cleanUpChanges(manager, 0));
    await this.#transact((manager) => cleanUpChanges(manager, 0));
  }

  /** What was changed or deleted is still on the disk until it is written over: on our own server it is written over now. */
  async #scrub(tables: readonly string[]): Promise<void> {
    const isOwn = await this.#isOwnServer();
    const names: { name: string }[] = await this.dataSource.query(
      `SELECT c.oid::regclass::text AS name FROM pg_class c
       WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
         AND (regexp_replace(c.relname, '_[0-9]{8}$', '') = ANY ($1::text[]) OR c.relname IN ('changes', 'audit_events', 'proxy_instances'))`,
      [tables],
    );
    // The planner's statistics hold frequent values.
    for (const { name } of names)
      await this.dataSource.query(`VACUUM (${isOwn ? 'FULL, ' : ''}ANALYZE) ${name}`);
    if (!isOwn) return;
    await this.dataSource.query('VACUUM FULL pg_statistic');
    // Twice, because the write-ahead log is kept back to the checkpoint before the last.
    for (let round = 0; round < 2; round += 1) {
      await this.dataSource.query('SELECT pg_switch_wal()');
      await this.dataSource.query('CHECKPOINT');
    }
  }

  /** Whether the server's files lie in our data directory; a login that may not see that is on somebody else's. */
  async #isOwnServer(): Promise<boolean> {
    const [row]: { setting: string }[] = await this.dataSource.query(
      `SELECT setting FROM pg_settings WHERE name = 'data_directory'`,
    );
    const own = resolve(this.config.server.dataDir, 'postgres');
    return row !== undefined && (resolve(row.setting) === own || row.setting === '/proc/self/cwd');
  }

  async #elsewhere(): Promise<string[]> {
    const places = ['what was written to standard output, and what log collectors have', 'backups'];
    if (!(await this.#isOwnServer()))
      places.push('the write-ahead log and replicas of the PostgreSQL server');
    if (this.config.stores.redisUrl)
      places.push('counters in Redis, until their windows and periods are over');
    return places;
  }
}
