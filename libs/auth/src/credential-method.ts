import { Injectable } from '@nestjs/common';
import { Clock, type GatewayError, type Principal } from '#libs/kernel';
import type { CompiledKey } from './compiled-key.js';
import type { CredentialFacts } from './credential.js';
import { KeyVault } from './key-vault.js';
import { MasterKey } from './master-key.js';
import { refusal } from './refusal.js';
import { expiryRefusalOf, refusalOf } from './standing-refusal.js';

/** A credential as presented: the text once, and its SHA-256 (hex), computed once. */
export interface Presented {
  readonly raw: string;
  readonly hash: string;
  /** The request it came with. */
  readonly facts: CredentialFacts;
  /** The session of a browser; then there is no other credential, and `raw` and `hash` are empty. */
  readonly cookie?: string;
}

/** What a method throws that leaves the decision to the next one; `key`: the credential that one shall judge instead. */
export class NotMine extends Error {
  constructor(readonly key?: string) {
    super('this credential is for another method');
  }
}

/** One way to turn a credential into a principal. The first method that accepts a credential's shape is the only one asked: what it refuses is refused. */
export abstract class CredentialMethod {
  /** The name of its Passport strategy. */
  abstract readonly name: string;
  /** By shape alone; never asks a store. */
  abstract accepts(presented: Presented): boolean;
  /** Throws GatewayError: a refusal, or an outage. */
  abstract authenticate(presented: Presented): Principal | Promise<Principal>;
}

@Injectable()
export class MasterKeyMethod extends CredentialMethod {
  readonly name = 'master-key';
  constructor(private readonly masterKey: MasterKey) {
    super();
  }
  accepts({ hash }: Presented): boolean {
    return this.masterKey.matches(hash);
  }
  authenticate(presented: Presented): Principal {
    // Asked again, because a strategy can be called by name.
    if (!this.accepts(presented)) throw notAKey();
    return this.masterKey.principal;
  }
}

/** Everything else is a virtual key, or nothing: this method accepts whatever no other did. */
@Injectable()
export class VirtualKeyMethod extends CredentialMethod {
  readonly name = 'virtual-key';
  constructor(
    private readonly vault: KeyVault,
    private readonly clock: Clock,
  ) {
    super();
  }
  accepts(): boolean {
    return true;
  }
  authenticate(presented: Presented): Principal | Promise<Principal> {
    // Also keeps a hash read from a table or a log from being used as the key itself.
    if (!presented.raw.startsWith('sk-')) throw notAKey(presented.raw);
    const found = this.vault.find(presented.hash);
    if (found instanceof Promise) return found.then((compiled) => this.#admit(compiled, presented.raw));
    return this.#admit(found, presented.raw);
  }

  /** In the contract's order: blocked, then the user, then expiry, then the team. Expiry is judged on each request: a cached key outlives its end. */
  #admit(compiled: CompiledKey | undefined, raw: string): Principal {
    if (compiled === undefined) {
      throw refusal(
        'auth.credential_unknown',
        `Invalid API key: ${maskOf(raw)} is not a key of this proxy.`,
        'key',
      );
    }
    const { principal, standing } = compiled;
    const refused = refusalOf(standing, principal);
    if (standing === 'key_blocked' || standing === 'user_blocked') throw refused;
    if (principal.expiresAtMs !== undefined) {
      const expired = expiryRefusalOf(principal, this.clock.nowMs());
      if (expired) throw expired;
    }
    if (refused) throw refused;
    return principal;
  }
}

function notAKey(raw = ''): GatewayError {
  const hint = /^eyJ[^.]*\.[^.]+\.[^.]*$/.test(raw)
    ? ' This looks like a signed token: enable_jwt_auth lets those in.'
    : '';
  return refusal(
    'auth.credential_malformed',
    `LiteLLM Virtual Key expected: a key of this proxy starts with 'sk-'.${hint}`,
  );
}

/** The last four characters of what the caller itself sent, when enough stays hidden. */
function maskOf(raw: string): string {
  return raw.length < 16 ? 'sk-...' : `sk-...${raw.slice(-4)}`;
}
