import { Injectable } from '@nestjs/common';
import {
  type BeginRecord,
  Budgets,
  countTokensNow,
  RecordedCaller,
  SpendLedger,
  vocabularySlack,
} from '#libs/budget';
import { type CallFacts, DAY_MS, dayOf } from '#libs/kernel';
import { Config } from '#libs/config';
import { type ForwardingPolicy, headersToForward, Upstream, type UpstreamRequest } from '#libs/providers';
import { AnswerHeaders } from './answer-headers.js';
import { Attempt, type AttemptOutcome } from './attempt.js';
import { Books } from './books.js';
import type { Call } from './call.js';
import type { ClientAnswer } from './client-answer.js';
import type { Asked } from './entrance.js';
import type { Candidate } from './plan.js';
import type { Ticket } from './ticket.js';
import { Traces } from './traces.js';
import { Admissions } from './admissions.js';

/** Longest silence between two reads of a stream, when the operator set no stream timeout. */
const IDLE_TIMEOUT_MS = 600_000;

/** Makes attempts: the record of what may be spent, the request to send, and the books that close it. */
@Injectable()
export class Attempts {
  readonly #forwarding: ForwardingPolicy;

  constructor(
    private readonly config: Config,
    private readonly upstream: Upstream,
    private readonly ledger: SpendLedger,
    private readonly budgets: Budgets,
    private readonly headers: AnswerHeaders,
    private readonly admissions: Admissions,
    private readonly traces: Traces,
  ) {
    const { keyHeaderName } = config.auth;
    this.#forwarding = { ...config.calls, ...(keyHeaderName === undefined ? {} : { keyHeaderName }) };
  }

  make(
    call: Call,
    answer: ClientAnswer,
    asked: Asked,
    ticket: Ticket,
    candidate: Candidate,
  ): Promise<AttemptOutcome> {
    call.upstreamModel = candidate.upstreamModel;
    const { principal, facts, headers } = asked;
    const { deployment } = candidate;
    const { atMs } = ticket.plan;
    const charges = this.budgets.charges(principal, atMs, deployment);
    call.attempts += 1;
    this.traces.using(deployment);
    const outputTokens = outputTokensOf(ticket, facts);
    const books = new Books(this.budgets, ticket.plan, candidate, asked.body.bytes.length, outputTokens);
    const begin: BeginRecord = {
      id: `${call.id}.${call.attempts}`,
      requestId: call.id,
      day: dayAt(atMs),
      startedAtMs: atMs,
      endpoint: facts.endpoint,
      charges,
      crashChargeNanoUsd: ticket.heldFor(candidate),
      priceVersion: this.budgets.priceVersion(deployment, candidate.upstreamModel),
      modelGroup: ticket.plan.resolution.name,
      model: candidate.upstreamModel,
      provider: deployment.provider,
      deploymentId: deployment.id,
      apiBase: deployment.apiBase,
      stream: facts.stream,
      caller: RecordedCaller.of(principal),
      customerId: facts.customerId ?? null,
      tags: facts.tags,
      clientCallId: headers.clientCallId,
      sessionId: headers.sessionId,
      requesterIp: this.traces.addressOf(call),
      userAgent: this.traces.agentOf(asked),
    };
    return Attempt.run({
      call,
      answer,
      ledger: this.ledger,
      upstream: this.upstream,
      books,
      begin,
      recording: this.traces.record(call, asked, begin),
      names: asked.names,
      request: this.#request(call, asked, ticket, candidate),
      headersOf: (upstream, paid) => this.headers.of(call, ticket, candidate, upstream, paid),
      amend: (usage) => this.admissions.amend(ticket, books.boundAfter(usage, outputTokens)),
      settle: (paid, isFinal) => {
        ticket.add(paid.usage, paid.totalNanoUsd, candidate);
        call.addUsage(paid.usage, paid.totalNanoUsd);
        this.budgets.settled(charges, paid.totalNanoUsd);
        if (isFinal) this.admissions.settle(ticket);
      },
    });
  }

  #request(
    call: Call,
    asked: Asked,
    ticket: Ticket,
    { deployment, upstreamModel }: Candidate,
  ): UpstreamRequest {
    const { headers, facts, body } = asked;
    const { router, calls } = this.config;
    const timeoutMs = headers.timeoutMs ?? deployment.timeoutMs ?? router.timeoutMs;
    const streamTimeoutMs = headers.streamTimeoutMs ?? deployment.streamTimeoutMs ?? router.streamTimeoutMs;
    call.timeoutMs = facts.stream ? (streamTimeoutMs ?? timeoutMs) : timeoutMs;
    return {
      deployment,
      endpoint: facts.endpoint,
      body,
      stream: facts.stream,
      upstreamModel,
      // After a fallback the caller learns what really answered (contract 4.3).
      ...(call.fallbacks > 0 ? {} : { shownModel: facts.requestedModel }),
      dropParams: deployment.dropParams ?? calls.dropParams,
      stripped: asked.stripped,
      forwardedHeaders: headersToForward(deployment, call.request.rawHeaders, this.#forwarding),
      timeoutMs: call.timeoutMs,
      idleTimeoutMs: Math.min(streamTimeoutMs ?? IDLE_TIMEOUT_MS, timeoutMs),
      maxAnswerBytes: this.config.server.maxResponseBytes,
      ...(ticket.outputCap === undefined ? {} : { maxOutputTokens: ticket.outputCap }),
      ...(facts.stream && ticket.isBounded
        ? {
            outputAllowance: {
              tokens: outputTokensOf(ticket, facts),
              choices: facts.choices,
              extraSlack: vocabularySlack(deployment.provider),
              count: countTokensNow,
            },
          }
        : {}),
    };
  }
}

/** What the call may answer, all choices together: the cap that was sent, or the bound that was held for. */
function outputTokensOf(ticket: Ticket, { maxOutputTokens, choices }: CallFacts): number {
  return (ticket.outputCap ?? maxOutputTokens ?? ticket.plan.bound.outputTokens) * Math.max(1, choices);
}

let day = '';
let dayEndsAtMs = 0;

/** The UTC day, made once a day: formatting it costs more than the record it is for. */
function dayAt(nowMs: number): string {
  if (nowMs >= dayEndsAtMs || nowMs < dayEndsAtMs - DAY_MS) {
    day = dayOf(nowMs);
    dayEndsAtMs = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  }
  return day;
}
