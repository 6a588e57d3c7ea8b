import { Injectable } from '@nestjs/common';
import { Budgets, type ChargedCost } from '#libs/budget';
import { Cors, SECURITY_HEADERS } from '#libs/http';
import { Build, formatUsd, type Principal, usdNumber } from '#libs/kernel';
import { responseHeaders } from '#libs/providers';
import { RateLimits } from '#libs/ratelimit';
import type { Deployment } from '#libs/routing';
import type { Call } from './call.js';
import type { Candidate } from './plan.js';
import type { Ticket } from './ticket.js';

/** What a LiteLLM client may read of the version; the contract's header, our number. */
const VERSION_HEADER = 'x-litellm-version';

/**
 * The headers of an answer, flat: an array of 34 names and values costs a third of what an object does. The price is only
 * known when the whole answer is, so streams carry limits but no cost (contract/limits 4.3).
 */
@Injectable()
export class AnswerHeaders {
  readonly #ofDeployment = new WeakMap<Deployment, readonly string[]>();

  constructor(
    private readonly build: Build,
    private readonly cors: Cors,
    private readonly limits: RateLimits,
    private readonly budgets: Budgets,
  ) {}

  of(
    call: Call,
    ticket: Ticket,
    candidate: Candidate,
    upstream: readonly string[],
    charged: ChargedCost | undefined,
  ): string[] {
    const headers = [...this.#fixed(candidate), 'x-litellm-call-id', call.id];
    this.limits.headers(call.standingsWith(ticket.standings), headers);
    responseHeaders(upstream, headers);
    headers.push(
      'x-litellm-model-name',
      printable(`${candidate.deployment.provider}/${candidate.upstreamModel}`),
    );
    headers.push('x-litellm-model-group', printable(ticket.plan.resolution.name));
    headers.push('x-litellm-attempted-retries', String(call.retries));
    headers.push('x-litellm-attempted-fallbacks', String(call.fallbacks));
    if (ticket.clampedTo !== undefined)
      headers.push('x-tollgate-max-tokens-clamped', String(ticket.clampedTo));
    if (ticket.waitedMs > 0) headers.push('x-tollgate-waited-ms', ticket.waitedMs.toFixed(0));
    this.#addKey(call, headers);
    if (charged) {
      headers.push('x-litellm-response-cost', formatUsd(charged.totalNanoUsd));
      headers.push(
        'x-litellm-response-cost-original',
        formatUsd(charged.adjusted?.listNanoUsd ?? charged.totalNanoUsd),
      );
      if (charged.adjusted) pushAdjustments(charged.adjusted, headers);
      headers.push('x-litellm-response-cost-input', formatUsd(charged.inputNanoUsd));
      headers.push('x-litellm-response-cost-output', formatUsd(charged.outputNanoUsd));
      headers.push('x-litellm-response-duration-ms', call.elapsedMs.toFixed(3));
      headers.push('x-litellm-overhead-duration-ms', (call.elapsedMs - call.upstreamMs).toFixed(3));
    }
    if (this.cors.isOn) this.cors.append(call.request, headers);
    return headers;
  }

  /**
   * What an error answer carries too: the call's id, also where OpenAI's and Anthropic's clients look for one; of a known
   * caller how its key stands, and what was charged all the same; once a provider was asked, how often and for how long.
   */
  ofFailure(call: Call): string[] {
    const headers = ['x-litellm-call-id', call.id, 'x-request-id', call.id];
    if (call.route.endpoint === 'messages') headers.push('request-id', call.id);
    headers.push(VERSION_HEADER, this.build.version);
    if (call.principal) {
      this.#addKey(call, headers);
      pushKeyLimits(call.principal, headers);
      headers.push('x-litellm-response-cost', formatUsd(call.costNanoUsd));
    }
    if (call.attempts > 0) {
      headers.push('x-litellm-attempted-retries', String(call.retries));
      headers.push('x-litellm-attempted-fallbacks', String(call.fallbacks));
      headers.push('x-litellm-timeout', String(call.timeoutMs / 1_000));
    }
    if (this.cors.isOn) this.cors.append(call.request, headers);
    return headers;
  }

  #addKey({ principal }: Call, headers: string[]): void {
    if (!principal?.key) return;
    const spent = this.budgets.spentByKey(principal);
    if (spent !== undefined) headers.push('x-litellm-key-spend', String(usdNumber(spent)));
    const cap = principal.budgets.find(({ scope }) => scope.type === 'key')?.capNanoUsd;
    if (cap !== undefined) headers.push('x-litellm-key-max-budget', String(usdNumber(cap)));
  }

  #fixed({ deployment }: Candidate): readonly string[] {
    let headers = this.#ofDeployment.get(deployment);
    if (!headers) {
      headers = [
        ...SECURITY_HEADERS,
        VERSION_HEADER,
        this.build.version,
        'x-litellm-model-id',
        printable(deployment.id),
        ...(deployment.wire === 'mock' ? [] : ['x-litellm-model-api-base', printable(deployment.apiBase)]),
      ];
      this.#ofDeployment.set(deployment, headers);
    }
    return headers;
  }
}

function pushKeyLimits({ limits }: Principal, headers: string[]): void {
  for (const { scope, requestsPerMinute, tokensPerMinute } of limits) {
    if (scope.type !== 'key') continue;
    if (requestsPerMinute !== undefined) headers.push('x-litellm-key-rpm-limit', String(requestsPerMinute));
    if (tokensPerMinute !== undefined) headers.push('x-litellm-key-tpm-limit', String(tokensPerMinute));
  }
}

function pushAdjustments(
  { discountNanoUsd, marginNanoUsd, marginShare }: NonNullable<ChargedCost['adjusted']>,
  headers: string[],
): void {
  if (discountNanoUsd > 0n)
    headers.push('x-litellm-response-cost-discount-amount', formatUsd(discountNanoUsd));
  if (marginNanoUsd === 0n) return;
  headers.push('x-litellm-response-cost-margin-amount', formatUsd(marginNanoUsd));
  headers.push('x-litellm-response-cost-margin-percent', String(marginShare * 100));
}

const UNPRINTABLE = /[^\x20-\x7e]/;

/** Names come from files and, under wildcards, from callers: one with a line break in it would be a second header. */
function printable(text: string): string {
  return UNPRINTABLE.test(text) ? text.replaceAll(new RegExp(UNPRINTABLE, 'g'), '?') : text;
}
