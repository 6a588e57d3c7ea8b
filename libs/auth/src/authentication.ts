import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import { type CredentialFacts, credentialOf } from './credential.js';
import {
  type CredentialMethod,
  MasterKeyMethod,
  NotMine,
  type Presented,
  VirtualKeyMethod,
} from './credential-method.js';
import { refusal } from './refusal.js';
import { SessionCookie } from './session/session-cookie.js';
import { SignInMethods } from './sign-in/sign-in-methods.js';
import { AuthenticationEvents } from './ports.js';

/**
 * From a request to its caller: the one way in, used by the hot lane and, through Passport, by Nest's guard. A refusal is
 * a GatewayError with status 401; an outage keeps its 503. Each outcome is told to AuthenticationEvents once.
 */
@Injectable()
export class Authentication {
  /** In the order they are asked; the last accepts everything. */
  readonly methods: readonly CredentialMethod[];
  readonly #keyHeaderName: string | undefined;
  /** Some methods find the caller elsewhere than in a credential header. */
  readonly #acceptsNothing: boolean;

  constructor(
    config: Config,
    masterKey: MasterKeyMethod,
    signIn: SignInMethods,
    virtualKey: VirtualKeyMethod,
    private readonly events: AuthenticationEvents,
    private readonly sessionCookie: SessionCookie,
  ) {
    // Keys of our own come first: no identity provider is asked about them.
    this.methods = [...signIn.first, masterKey, ...signIn.others, virtualKey];
    this.#acceptsNothing = signIn.acceptsNothing;
    this.#keyHeaderName = config.auth.keyHeaderName?.toLowerCase();
  }

  /** The caller of a request. A known key or the master key is answered without a promise and without I/O. */
  authenticate(facts: CredentialFacts): Principal | Promise<Principal> {
    return this.#run(facts, undefined);
  }

  /** The same, by the named method only: what a Passport strategy calls. */
  authenticateBy(name: string, facts: CredentialFacts): Principal | Promise<Principal> {
    return this.#run(facts, name);
  }

  /** Whether the request carries no credential at all; a malformed one is one. */
  isSilent(facts: CredentialFacts): boolean {
    return (
      credentialOf(facts, this.#keyHeaderName).kind === 'missing' &&
      this.sessionCookie.read(facts) === undefined
    );
  }

  /** Which method a request's credential is for. Throws what a missing or malformed one is answered. */
  methodNameOf(facts: CredentialFacts): string {
    try {
      return this.#methodOf(this.#present(facts)).name;
    } catch (thrown) {
      throw this.#failed(facts, thrown);
    }
  }

  #run(facts: CredentialFacts, name: string | undefined): Principal | Promise<Principal> {
    let outcome: Principal | Promise<Principal>;
    try {
      const presented = this.#present(facts);
      const method = name === undefined ? this.#methodOf(presented) : this.#named(name);
      outcome = method.authenticate(presented);
      if (outcome instanceof Promise) return this.#later(this.#orNext(outcome, method, presented), facts);
    } catch (thrown) {
      throw this.#failed(facts, thrown);
    }
    this.events.succeeded(outcome, facts);
    return outcome;
  }

  /** A method that leaves the decision is asynchronous: only the operator's own does. */
  async #orNext(
    outcome: Promise<Principal>,
    method: CredentialMethod,
    presented: Presented,
  ): Promise<Principal> {
    try {
      return await outcome;
    } catch (thrown) {
      if (!(thrown instanceof NotMine)) throw thrown;
      const { key = presented.raw } = thrown;
      const next = key === presented.raw ? presented : { ...presented, raw: key, hash: hash('sha256', key) };
      const others = this.methods.slice(this.methods.indexOf(method) + 1);
      const isNothing = key === '' && presented.cookie === undefined;
      if (isNothing && !others.some((one) => one.name === 'proxy-headers')) throw missing();
      return this.#methodOf(next, others).authenticate(next);
    }
  }

  async #later(outcome: Promise<Principal>, facts: CredentialFacts): Promise<Principal> {
    let principal: Principal;
    try {
      principal = await outcome;
    } catch (thrown) {
      throw this.#failed(facts, thrown);
    }
    this.events.succeeded(principal, facts);
    return principal;
  }

  #present(facts: CredentialFacts): Presented {
    const credential = credentialOf(facts, this.#keyHeaderName);
    switch (credential.kind) {
      case 'token':
        return { raw: credential.raw, hash: hash('sha256', credential.raw), facts };
      case 'missing': {
        const cookie = this.sessionCookie.read(facts);
        if (cookie !== undefined) return { raw: '', hash: '', facts, cookie };
        if (this.#acceptsNothing) return { raw: '', hash: '', facts };
        throw missing();
      }
      case 'malformed':
        throw refusal('auth.credential_malformed', 'Malformed API Key passed in: send it as `Bearer <key>`.');
    }
  }

  #methodOf(presented: Presented, among: readonly CredentialMethod[] = this.methods): CredentialMethod {
    for (const method of among) if (method.accepts(presented)) return method;
    throw refusal('auth.credential_malformed', 'This kind of credential is not accepted here.');
  }

  #named(name: string): CredentialMethod {
    const method = this.methods.find((one) => one.name === name);
    if (method === undefined) throw new Error(`no authentication method is called ${name}`);
    return method;
  }

  /** Anything but a GatewayError is a defect, and is answered as one: never as a wrong key. */
  #failed(facts: CredentialFacts, thrown: unknown): GatewayError {
    const error =
      thrown instanceof GatewayError
        ? thrown
        : new GatewayError('internal.unexpected', 'Internal server error', { cause: thrown });
    this.events.failed(facts, error);
    return error;
  }
}

function missing(): GatewayError {
  return refusal('auth.credential_missing', 'No api key passed in.');
}
