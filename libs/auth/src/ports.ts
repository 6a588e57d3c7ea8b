import type { ExecutionContext } from '@nestjs/common';
import type { GatewayError, Principal } from '#libs/kernel';
import type { CredentialFacts } from './credential.js';

/** Who keeps something that changes elsewhere. Called synchronously; must not throw. */
export interface ChangeListener {
  /** Something was committed: `noun` is `key`, `key_hash` (then `id` is the hash), `user`, `team`, ... */
  onChange(change: { readonly noun: string; readonly id: string }): void;
  /** Changes were missed: nothing cached may be believed until it is read again. */
  onGap(): void;
}

/** Tells every process what was changed anywhere. The database room's `Changes` is one. */
export abstract class ChangeFeed {
  /** From here on the listener hears of every change, its own process’s included. */
  abstract subscribe(listener: ChangeListener): unknown;
  /** `live`: in step. `lagging`: connected, not caught up. `down`: not connected. */
  abstract state(): 'live' | 'lagging' | 'down';
  /** Whether this process was out of step for so long that it may serve nobody until it is in step again. */
  isFenced?(): boolean;
}

/** Who listens to sign-ins and refusals: the log, the metrics, the detector of suspicious activity. Called once per request; must not throw and must be cheap. */
export abstract class AuthenticationEvents {
  /** Somebody was refused; also for an outage, which the error’s code tells apart. */
  abstract failed(facts: CredentialFacts, error: GatewayError): void;
  /** Somebody was let in. */
  abstract succeeded(principal: Principal, facts: CredentialFacts): void;
}

/** Which handlers are answered without a credential. The policy table knows; this room does not know the table. */
export abstract class PublicRoutes {
  /** Whether nobody is asked for a credential there. */
  abstract isPublic(context: ExecutionContext): boolean;
  /** Whether who sends no credential is let in as nobody in particular; who sends one is judged by it. */
  abstract isOpened(context: ExecutionContext): boolean;
}

/** Awaited before a newly compiled principal is served: opens its budget counters, so that the hot path finds them. */
export abstract class PrincipalPreparation {
  /** Rejects with the outage that keeps it from being served. */
  abstract prepare(principal: Principal): Promise<void>;
}
