import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import { type BeginRecord, type Bound, Budgets, type CallEnding } from '#libs/budget';
import type { Admission } from '#libs/counters';
import { type CallFacts, newId, type NanoUsd, type Usage } from '#libs/kernel';
import type { LimitedCall } from '#libs/ratelimit';
import type { Deployment } from '#libs/routing';
import { FlatAdmissions } from '../pass-through/flat-admissions.js';
import { FlatLedger } from '../pass-through/flat-ledger.js';
import { type SessionCaller, textOf } from './realtime-caller.js';

/** What an answer needs at least to be worth beginning, beside its price: a short question. */
const LEAST_INPUT_TOKENS = 256;

/** A session as its books see it. */
export interface BookedSession {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly deployment: Deployment;
  readonly upstreamModel: string;
  /** Whoever it is now: rights may change while it lasts. */
  caller: SessionCaller;
}

/** What is held for an answer: a provider's bound of one, and a conversation of some minutes before it. What it cost is charged, whatever was held. */
const HELD_INPUT_TOKENS = 8_192;
const HELD_OUTPUT_TOKENS = 4_096;
/** How long an answer may wait for money that others hold; the provider is making it already. */
const WAIT_MS = 2_000;

/** One answer of a session: what is held for it, and its entry. */
export interface Turn {
  readonly id: string;
  readonly begin: BeginRecord;
  readonly bound: Bound;
  /** Bytes of text that went by, for an answer that never says what it used. */
  textBytes: number;
}

/** The money and limits of realtime sessions: a slot as long as one lasts, a hold and a ledger entry for each answer. */
@Injectable()
export class RealtimeBooks {
  constructor(
    private readonly admissions: FlatAdmissions,
    private readonly ledger: FlatLedger,
    private readonly budgets: Budgets,
    private readonly journal: AccessJournal,
  ) {}

  /** A request and a slot of every scope, until `leave`. Throws the refusal. */
  async enter(session: BookedSession): Promise<Admission> {
    const { id, caller, deployment } = session;
    await this.assertSolvent(session);
    const admission = await this.admissions.admit(id, {
      principal: caller.principal,
      atMs: Date.now(),
      call: callOf(session),
      place: deployment,
    });
    if (deployment.credentialName !== undefined) this.journal.credentialUsed(deployment.credentialName);
    return admission;
  }

  leave({ id }: BookedSession): void {
    this.admissions.settle(id, { requests: 1 });
  }

  /** Throws while there is no money for another answer. Holds nothing. */
  async assertSolvent(session: BookedSession): Promise<void> {
    const id = newId('req');
    const atMs = Date.now();
    const bound = this.#boundOf(session, atMs);
    const least = { ...bound, fullNanoUsd: bound.minNanoUsd };
    await this.admissions.admit(id, { principal: session.caller.principal, atMs, bound: least });
    this.admissions.settle(id);
  }

  /**
   * An answer begins. Holds what it may cost, or as much as is left; and takes the tokens' windows. A refusal is thrown
   * after the answer that the provider began all the same is on record.
   */
  async begin(session: BookedSession): Promise<Turn> {
    const { principal } = session.caller;
    const id = newId('req');
    const atMs = Date.now();
    const bound = this.#boundOf(session, atMs);
    try {
      const call = callOf(session);
      await this.admissions.admit(id, { principal, atMs, bound, call, onlyTokens: true, waitMs: WAIT_MS });
    } catch (refusal) {
      const turn = await this.#record(session, id, atMs, bound);
      await this.end(session, turn, 'cancelled', undefined);
      throw refusal;
    }
    return this.#record(session, id, atMs, bound);
  }

  /** Resolves once the entry is durable. */
  async end(
    { deployment, upstreamModel }: BookedSession,
    { id, begin, bound, textBytes }: Turn,
    kind: CallEnding['kind'],
    usage: Usage | undefined,
  ): Promise<{ costNanoUsd: NanoUsd; usage: Usage }> {
    const ending = {
      kind,
      usage,
      outputBytes: textBytes,
      inputTokenBound: bound.inputTokens,
      requestBytes: 0,
    };
    const charged = this.budgets.charge(deployment, ending, begin.startedAtMs, upstreamModel);
    const { inputTokens, outputTokens, cacheReadTokens } = charged.usage;
    const counted = Math.max(0, inputTokens - cacheReadTokens);
    const costNanoUsd = charged.totalNanoUsd;
    await this.ledger.end(
      begin,
      {
        status: kind === 'complete' ? 'success' : 'failure',
        flag: charged.flag,
        firstByteAtMs: begin.startedAtMs,
        costNanoUsd,
        inputCostNanoUsd: charged.inputNanoUsd,
        outputCostNanoUsd: charged.outputNanoUsd,
        usage: charged.usage,
      },
      () =>
        this.admissions.settle(id, {
          inputTokens: counted,
          outputTokens,
          totalTokens: counted + outputTokens,
          costNanoUsd,
        }),
    );
    return { costNanoUsd, usage: charged.usage };
  }

  async #record(session: BookedSession, id: string, atMs: number, bound: Bound): Promise<Turn> {
    const { caller, deployment, upstreamModel, request } = session;
    const { headers } = request;
    const begin = await this.ledger.begin({
      id,
      endpoint: 'realtime',
      atMs,
      principal: caller.principal,
      customerId: caller.customerId,
      tags: caller.principal.tags,
      modelGroup: caller.resolution.name,
      model: upstreamModel,
      provider: deployment.provider,
      deploymentId: deployment.id,
      apiBase: deployment.apiBase,
      priceVersion: this.budgets.priceVersion(deployment, upstreamModel),
      crashChargeNanoUsd: bound.fullNanoUsd,
      sessionId: session.id,
      from: {
        peer: request.socket.remoteAddress,
        forwardedFor: textOf(headers['x-forwarded-for']),
        userAgent: headers['user-agent'],
        callId: textOf(headers['x-litellm-call-id']),
      },
    });
    return { id, begin, bound, textBytes: 0 };
  }

  /** Least: a short question and a minimal answer. */
  #boundOf({ caller, deployment, upstreamModel }: BookedSession, atMs: number): Bound {
    const facts = factsOf(caller.resolution.name);
    const held = { ...facts, inputTokenBound: HELD_INPUT_TOKENS, maxOutputTokens: HELD_OUTPUT_TOKENS };
    const full = this.budgets.bound(held, deployment, atMs, { upstreamModel });
    const least = this.budgets.bound(facts, deployment, atMs, { upstreamModel });
    return { ...full, minNanoUsd: least.minNanoUsd };
  }
}

function factsOf(model: string): CallFacts {
  return {
    endpoint: 'chat',
    requestedModel: model,
    stream: true,
    inputTokenBound: LEAST_INPUT_TOKENS,
    choices: 1,
    tags: [],
  };
}

/** One token, so that a limit that is used up refuses; how many there are is known when they were used. */
function callOf({ caller }: BookedSession): LimitedCall {
  const { name, group } = caller.resolution;
  return {
    modelGroup: group,
    tokensBound: 1,
    facts: { ...factsOf(name), endpoint: 'embeddings', inputTokenBound: 1 },
  };
}
