import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config, sourceOf } from '#libs/config';
import { CliSignIn, type Session, type Team } from '#libs/database';
import { Clock, GatewayError } from '#libs/kernel';
import { Identities, Sessions, signingIn } from '#libs/tenancy';
import { DataSource, IsNull, LessThan } from 'typeorm';
import { AttemptWindows, bucketOf } from '../passwords/attempt-windows.js';
import { copiedAttributes, type Scalar } from '../sso/copied-claims.js';
import type { SignInPlace } from '../session/browser-sign-in.js';
import { hashOfCode, isSameDigest, newCliSignInId, newPollSecret, newUserCode } from './cli-codes.js';

/** The contract's ten minutes: long enough to find the browser, short enough for 40 bits. */
export const CLI_SIGN_IN_MS = 600_000;
/** A person mistypes; a machine guesses. */
const MOST_WRONG_CODES = 5;
const MOST_STARTS_A_MINUTE = 30;

export interface StartedCliSignIn {
  readonly id: string;
  readonly pollSecret: string;
  readonly userCode: string;
}

export type CliOutcome =
  | { readonly status: 'pending' }
  | { readonly status: 'choose_team'; readonly userId: string; readonly teams: readonly Team[] }
  | {
      readonly status: 'ready';
      readonly userId: string;
      readonly teamId: string | undefined;
      readonly teams: readonly Team[];
      /** Once; the sign-in is gone. */
      readonly token: string;
      /** What `CLI_SSO_CLAIM_MAP` keeps of the person. */
      readonly attributes: Readonly<Record<string, Scalar>>;
    };

/**
 * Signing a command line in with a browser (contract/auth 5.8, RFC 8628 in spirit): the command line shows a code, a person who is signed
 * in types it into a page of ours, and the command line, which alone knows the secret, gets a session of its own. A stranger who
 * starts one has to get somebody to type a code; one who sees the link has no code; one who sees the code has no secret.
 */
@Injectable()
export class CliSignIns {
  constructor(
    private readonly database: DataSource,
    private readonly sessions: Sessions,
    private readonly identities: Identities,
    private readonly attempts: AttemptWindows,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** Throws 429 when a source starts more than a person would. */
  async start(source: string): Promise<StartedCliSignIn> {
    const [taken] = await this.attempts.take([bucketOf('cli-start', sourceOf(source))], 60_000);
    if (taken === undefined || taken.attempts > MOST_STARTS_A_MINUTE) {
      const message = 'Too many sign-ins were started; try again in a minute.';
      throw new GatewayError('auth.too_many_attempts', message, {
        detail: message,
        headers: { 'retry-after': '60' },
      });
    }
    const nowMs = this.clock.nowMs();
    const started = { id: newCliSignInId(), pollSecret: newPollSecret(), userCode: newUserCode() };
    const rows = this.database.getRepository(CliSignIn);
    await rows.delete({ expiresAt: LessThan(new Date(nowMs)) });
    await rows.insert({
      id: started.id,
      pollHash: hash('sha256', started.pollSecret),
      codeHash: hashOfCode(started.id, started.userCode),
      wrongCodes: 0,
      sessionId: null,
      createdAt: new Date(nowMs),
      expiresAt: new Date(nowMs + CLI_SIGN_IN_MS),
    });
    return started;
  }

  /** Whether it still waits for its code. */
  async isWaiting(id: string): Promise<boolean> {
    const row = await this.#find(id);
    return row !== null && row.sessionId === null;
  }

  /**
   * The browser session's word that the command line which shows this code is its own. Throws 400 for a wrong code, and the fifth
   * wrong one ends the sign-in, so that codes cannot be tried out; each try is counted before it is judged.
   */
  async approve(id: string, sessionId: string, code: string): Promise<void> {
    const rows = this.database.getRepository(CliSignIn);
    const row = await this.#find(id);
    if (row === null || row.sessionId !== null) throw gone();
    const counted = await rows
      .createQueryBuilder()
      .update()
      .set({ wrongCodes: () => 'wrong_codes + 1' })
      .where('id = :id AND session_id IS NULL AND wrong_codes < :most', { id, most: MOST_WRONG_CODES })
      .execute();
    if (counted.affected !== 1) {
      await rows.delete({ id, sessionId: IsNull() });
      throw gone();
    }
    if (!isSameDigest(hashOfCode(id, code), row.codeHash))
      throw badRequest('This is not the code that the command line shows.', 'user_code');
    const approved = await rows.update({ id, sessionId: IsNull() }, { sessionId });
    if (approved.affected !== 1) throw gone();
  }

  /** What the command line is told. Throws 400 for one that is not there (any more), 403 for a wrong secret or somebody else's team. */
  async poll(
    id: string,
    secret: string | undefined,
    teamId: string | undefined,
    place: SignInPlace,
  ): Promise<CliOutcome> {
    if (id.startsWith('sk-'))
      throw badRequest('This way of signing in is no longer served: upgrade the command line.', 'login_id');
    const row = await this.#find(id);
    if (row === null) throw gone();
    if (!isSameDigest(hash('sha256', secret ?? ''), row.pollHash))
      throw new GatewayError('rbac.forbidden', 'The poll secret is wrong.', { param: 'None' });
    if (row.sessionId === null) return { status: 'pending' };
    const session = await this.sessions.get(row.sessionId);
    // Whoever allowed it has signed out, or was signed out, since.
    if (session === null) throw gone();
    const teams = await this.identities.teams.find(await this.identities.teams.idsOf(session.userId));
    if (teamId !== undefined && !teams.some(({ id: one }) => one === teamId))
      throw new GatewayError('rbac.forbidden', 'This is not a team of yours.', { param: 'team_id' });
    if (teamId === undefined && teams.length > 1)
      return { status: 'choose_team', userId: session.userId, teams };
    return this.#redeem(id, session, teamId ?? teams[0]?.id, teams, place);
  }

  /** Of several who ask at the same moment one gets it. */
  async #redeem(
    id: string,
    session: Session,
    teamId: string | undefined,
    teams: readonly Team[],
    place: SignInPlace,
  ): Promise<CliOutcome> {
    const { affected } = await this.database.getRepository(CliSignIn).delete({ id, sessionId: session.id });
    if (affected !== 1) throw gone();
    const { cliSessionMs } = this.config.signIn.browser;
    const { token } = await this.sessions.create(signingIn(session.userId, place.ip, place.requestId), {
      kind: 'cli',
      userId: session.userId,
      teamId,
      method: session.method,
      proof: session.proof ?? undefined,
      provenance: { approved_by: session.id },
      livesMs: cliSessionMs,
      idleMs: cliSessionMs,
    });
    const attributes = await this.#attributesOf(session.userId);
    return { status: 'ready', userId: session.userId, teamId, teams, token, attributes };
  }

  async #attributesOf(userId: string): Promise<Readonly<Record<string, Scalar>>> {
    const { sso } = this.config.signIn;
    if (sso.copiedClaims.length === 0) return {};
    return copiedAttributes((await this.identities.findUser(userId, undefined))?.metadata ?? {}, sso);
  }

  async #find(id: string): Promise<CliSignIn | null> {
    const row = await this.database.getRepository(CliSignIn).findOneBy({ id });
    return row !== null && row.expiresAt.getTime() > this.clock.nowMs() ? row : null;
  }
}

function gone(): GatewayError {
  return badRequest('This sign-in is over, or never was. Start again: tollgate login.', 'login_id');
}

function badRequest(message: string, param: string): GatewayError {
  return new GatewayError('request.bad_field', message, { param, detail: message });
}
