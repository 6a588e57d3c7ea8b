import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { insertUnlessTaken, SignInFlow } from '#libs/database';
import { Clock } from '#libs/kernel';
import { DataSource, LessThan } from 'typeorm';

/** Long enough for a password, a second factor and a phone that has to be found. */
export const FLOW_MS = 600_000;
/** What nobody came back from is swept a little at a time, whenever somebody begins. */
const SWEPT_AT_ONCE = 100;

/** One-time values of a sign-in, for the provider. 256 bits each; the verifier has the 43 characters that PKCE wants. */
export interface FlowSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface BegunFlow extends FlowSecrets {
  /** For the browser's cookie; kept nowhere here. */
  readonly browserSecret: string;
}

export type TakenFlow = FlowSecrets & { readonly data: Readonly<Record<string, unknown>> };

/**
 * Sign-ins under way at an identity provider, on every replica. State, nonce and verifier are made from the browser's secret and a salt of
 * ours: neither a copy of the table nor a stolen cookie jar of another sign-in has them. A flow ends with the first browser that
 * brings the right state back.
 */
@Injectable()
export class SignInFlows {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  async begin(data: Readonly<Record<string, unknown>>): Promise<BegunFlow> {
    const browserSecret = randomBytes(32).toString('base64url');
    const salt = randomBytes(32).toString('base64url');
    const nowMs = this.clock.nowMs();
    const flows = this.database.getRepository(SignInFlow);
    const stale = await flows.find({
      select: { id: true },
      where: { expiresAt: LessThan(new Date(nowMs)) },
      take: SWEPT_AT_ONCE,
    });
    if (stale.length > 0) await flows.delete(stale.map(({ id }) => id));
    await flows.insert({
      id: hash('sha256', browserSecret),
      salt,
      data,
      expiresAt: new Date(nowMs + FLOW_MS),
    } as never);
    return { browserSecret, ...secretsOf(browserSecret, salt) };
  }

  /**
   * Ends the flow of this browser and gives what it was about; undefined when there is none, when it is over or was used, and when
   * `state` is not its own. A wrong state ends nothing: somebody else may have sent it.
   */
  async take(browserSecret: string, state: string): Promise<TakenFlow | undefined> {
    const id = hash('sha256', browserSecret);
    const flows = this.database.getRepository(SignInFlow);
    const flow = await flows.findOneBy({ id });
    if (flow === null || flow.expiresAt.getTime() <= this.clock.nowMs()) return undefined;
    const secrets = secretsOf(browserSecret, flow.salt);
    if (!isSame(secrets.state, state)) return undefined;
    // Of two that come at once one deletes the row.
    const { affected } = await flows.delete({ id });
    return affected === 1 ? { ...secrets, data: flow.data } : undefined;
  }

  /** Whether `name`, a digest, is heard of for the first time within `livesMs`, on every replica: what may be used once. */
  async once(name: string, livesMs: number): Promise<boolean> {
    const row = { id: name, salt: '', data: {}, expiresAt: new Date(this.clock.nowMs() + livesMs) };
    return insertUnlessTaken(this.database.manager, SignInFlow, row);
  }
}

function secretsOf(browserSecret: string, salt: string): FlowSecrets {
  const derive = (what: string): string =>
    createHmac('sha256', salt).update(`${what}:${browserSecret}`).digest('base64url');
  return { state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') };
}

/** Digests are compared in constant time, so that timing tells nothing about the right one. */
function isSame(expected: string, presented: string): boolean {
  const digest = (text: string): Buffer => Buffer.from(hash('sha256', text), 'hex');
  return timingSafeEqual(digest(expected), digest(presented));
}
