import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { insertRow, Session } from '#libs/database';
import { Clock, newId } from '#libs/kernel';
import { DataSource, LessThan, Not } from 'typeorm';
import { type Author, Transactions } from './transactions.js';

/** 256 bits: nobody guesses one, so a plain digest of it can be stored. */
const TOKEN_BYTES = 32;
/** What a command line's credential begins with; a browser's is bare. */
export const CLI_TOKEN_PREFIX = 'tollgate_cli_';
/** An end that use moves on is written at most this often, so that reading does not become writing. */
const IDLE_STEP_MS = 60_000;

/** Our own work: signing in happens before there is anybody to do it for. */
const SYSTEM = { system: 'sessions' };

/** Somebody who has just proved who it is. */
export interface NewSession {
  readonly kind: 'browser' | 'cli';
  readonly userId: string;
  readonly teamId?: string | undefined;
  /** `password`, `environment`, `google`, `saml`, ... */
  readonly method: string;
  /** See `Session.proof`. */
  readonly proof?: string | undefined;
  readonly mustChangePassword?: boolean | undefined;
  readonly provenance?: Readonly<Record<string, unknown>> | undefined;
  readonly livesMs: number;
  /** Over this long after its last use. */
  readonly idleMs: number;
}

/** The only answer that has the token. */
export interface IssuedSession {
  readonly session: Session;
  /** In clear, once: whoever holds it is the user. */
  readonly token: string;
}

/**
 * Who is signed in. A session is a row, so ending one ends it: everywhere, at once, and for good. Accounts that are blocked,
 * deleted, or get another role or password lose theirs by a trigger of the database, whoever changes them.
 */
@Injectable()
export class Sessions {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Makes a session with a token of its own: whatever the browser held before is not asked, so it cannot be planted. */
  async create(author: Author, wanted: NewSession): Promise<IssuedSession> {
    const nowMs = this.clock.nowMs();
    const random = randomBytes(TOKEN_BYTES).toString('base64url');
    const token = wanted.kind === 'cli' ? CLI_TOKEN_PREFIX + random : random;
    const id = newId('session', nowMs);
    const expiresAt = nowMs + wanted.livesMs;
    const session = await this.transactions.run(
      author,
      async (transaction) => {
        const { manager } = transaction;
        // Whoever comes sweeps up after those who are gone: rows that are over let nobody in, they only take room.
        await manager.delete(Session, { expiresAt: LessThan(new Date(nowMs)) });
        const made = await insertRow(manager, Session, {
          id,
          tokenHash: hashOfToken(token),
          kind: wanted.kind,
          userId: wanted.userId,
          teamId: wanted.teamId ?? null,
          method: wanted.method,
          proof: wanted.proof ?? null,
          mustChangePassword: wanted.mustChangePassword ?? false,
          provenance: { ...wanted.provenance } as never,
          createdAt: new Date(nowMs),
          expiresAt: new Date(expiresAt),
          idleEndsAt: new Date(Math.min(nowMs + wanted.idleMs, expiresAt)),
        });
        // Nobody has it in a cache yet: there is nothing to tell the replicas.
        await transaction.note('signed_in', 'session', id, { before: null, after: publicFacts(made) });
        return made;
      },
      SYSTEM,
    );
    return { session, token };
  }

  /** The living session of a token; null for one that is unknown, ended or over. */
  async find(token: string): Promise<Session | null> {
    const found = await this.database.getRepository(Session).findOneBy({ tokenHash: hashOfToken(token) });
    return found !== null && this.#lives(found) ? found : null;
  }

  /** By its public name. */
  async get(id: string): Promise<Session | null> {
    const found = await this.database.getRepository(Session).findOneBy({ id });
    return found !== null && this.#lives(found) ? found : null;
  }

  /** Moves the idle end of a session that is being used. A row that was ended meanwhile stays ended. */
  async touch(session: Session, idleMs: number): Promise<void> {
    const wanted = Math.min(this.clock.nowMs() + idleMs, session.expiresAt.getTime());
    if (wanted - session.idleEndsAt.getTime() < IDLE_STEP_MS) return;
    await this.database
      .getRepository(Session)
      .update({ id: session.id, idleEndsAt: LessThan(new Date(wanted)) }, { idleEndsAt: new Date(wanted) });
  }

  /** Ends a session; twice is once. Returns when every replica knows, or serves nobody. */
  async end(author: Author, id: string): Promise<void> {
    await this.transactions.run(
      author,
      async (transaction) => {
        const { manager } = transaction;
        const before = await manager.findOneBy(Session, { id });
        if (before === null) return;
        await manager.delete(Session, { id });
        await transaction.record('deleted', 'session', id, { before: publicFacts(before), after: null });
      },
      SYSTEM,
    );
  }

  /** Ends all sessions of somebody but one; returns how many. */
  async endAll(author: Author, userId: string, exceptId?: string): Promise<number> {
    return this.transactions.run(
      author,
      async (transaction) => {
        const { manager } = transaction;
        const found = await manager.findBy(Session, {
          userId,
          ...(exceptId === undefined ? {} : { id: Not(exceptId) }),
        });
        for (const one of found) {
          await manager.delete(Session, { id: one.id });
          await transaction.record('deleted', 'session', one.id, { before: publicFacts(one), after: null });
        }
        return found.length;
      },
      SYSTEM,
    );
  }

  #lives({ expiresAt, idleEndsAt }: Session): boolean {
    const nowMs = this.clock.nowMs();
    return expiresAt.getTime() > nowMs && idleEndsAt.getTime() > nowMs;
  }
}

export function hashOfToken(token: string): string {
  return hash('sha256', token);
}

function publicFacts({ userId, kind, method, createdAt, expiresAt }: Session): object {
  return { userId, kind, method, createdAt, expiresAt };
}
