import { Injectable } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import { type BeginRecord, Budgets, type CallEnding, RecordedCaller, SpendLedger } from '#libs/budget';
import { Clock, dayOf, type Endpoint, newId, NO_USAGE, type Principal } from '#libs/kernel';
import {
  maskedMessage,
  parseRequestBody,
  Upstream,
  type UpstreamFailure,
  type UpstreamResult,
} from '#libs/providers';
import { type Deployment, serves } from '#libs/routing';

/** How a deployment answered a short question. */
export interface ProbeResult {
  readonly deployment: Deployment;
  readonly healthy: boolean;
  readonly responseMs: number;
  /** Why not, in one line without secrets. */
  readonly error?: string;
}

/** A provider that thinks for longer over one token is not healthy. */
const TIMEOUT_MS = 30_000;
/** The fewest tokens that every provider takes as a cap. */
const ANSWER_TOKENS = 16;
const INPUT_TOKENS = 32;

/** What is asked, by the mode of the model; another mode has no cheap question. */
const QUESTIONS: Readonly<Record<string, readonly [Endpoint, object][]>> = {
  chat: [
    ['chat', { messages: [{ role: 'user', content: 'hi' }], max_tokens: ANSWER_TOKENS }],
    ['messages', { messages: [{ role: 'user', content: 'hi' }], max_tokens: ANSWER_TOKENS }],
  ],
  completion: [['completions', { prompt: 'hi', max_tokens: ANSWER_TOKENS }]],
  embedding: [['embeddings', { input: 'hi' }]],
  responses: [['responses', { input: 'hi', max_output_tokens: ANSWER_TOKENS }]],
};

/** Asks deployments whether they answer. Each question is a call: it is in the ledger, with its cost, in the name of who wanted to know. */
@Injectable()
export class DeploymentProbe {
  constructor(
    private readonly upstream: Upstream,
    private readonly ledger: SpendLedger,
    private readonly budgets: Budgets,
    private readonly clock: Clock,
    private readonly journal: AccessJournal,
  ) {}

  /** Undefined when there is nothing to ask it: a wildcard without a name, a mode without a cheap question. Never throws for what the provider does. */
  async ask(deployment: Deployment, caller: Principal): Promise<ProbeResult | undefined> {
    const question = (QUESTIONS[deployment.mode ?? 'chat'] ?? []).find(([endpoint]) =>
      serves(deployment.wire, endpoint),
    );
    if (question === undefined || deployment.upstreamModel.includes('*')) return undefined;
    const [endpoint, body] = question;
    const bytes = Buffer.from(JSON.stringify({ model: deployment.upstreamModel, ...body }));
    if (deployment.credentialName !== undefined) this.journal.credentialUsed(deployment.credentialName);
    const startedAtMs = this.clock.nowMs();
    const begin = this.#beginOf(deployment, endpoint, caller, startedAtMs);
    const outcome = await this.#call(deployment, endpoint, bytes, begin);
    const responseMs = this.clock.nowMs() - startedAtMs;
    if (!('error' in outcome)) return { deployment, healthy: true, responseMs };
    const error = maskedMessage(outcome.error.publicMessage, deployment);
    return { deployment, healthy: false, responseMs, error };
  }

  #call(
    deployment: Deployment,
    endpoint: Endpoint,
    bytes: Buffer,
    begin: BeginRecord,
  ): Promise<UpstreamResult | UpstreamFailure> {
    const request = {
      deployment,
      endpoint,
      body: parseRequestBody(bytes),
      stream: false,
      upstreamModel: deployment.upstreamModel,
      dropParams: true,
      forwardedHeaders: [],
      timeoutMs: TIMEOUT_MS,
      idleTimeoutMs: TIMEOUT_MS,
    };
    return new Promise((resolve, reject) => {
      const finish = (outcome: UpstreamResult | UpstreamFailure): void =>
        this.#end(begin, deployment, bytes.length, outcome, (undurable) =>
          undurable ? reject(undurable) : resolve(outcome),
        );
      this.ledger.begin(begin, (refused) => {
        if (refused) reject(refused);
        else {
          this.upstream.open(request, {
            onHead: () => undefined,
            onData: () => true,
            onEnd: finish,
            onError: finish,
          });
        }
      });
    });
  }

  #end(
    begin: BeginRecord,
    deployment: Deployment,
    requestBytes: number,
    outcome: UpstreamResult | UpstreamFailure,
    proceed: Parameters<SpendLedger['end']>[1],
  ): void {
    const ending: CallEnding = {
      kind: endingOf(outcome),
      usage: outcome.usage,
      outputBytes: outcome.outputBytes,
      inputTokenBound: INPUT_TOKENS,
      requestBytes,
    };
    const charged = this.budgets.charge(deployment, ending, begin.startedAtMs);
    this.budgets.settled(begin.charges, charged.totalNanoUsd);
    const failed = 'error' in outcome;
    this.ledger.end(
      {
        id: begin.id,
        endedAtMs: this.clock.nowMs(),
        firstByteAtMs: null,
        status: failed ? 'failure' : 'success',
        flag: charged.flag,
        usage: charged.usage,
        costNanoUsd: charged.totalNanoUsd,
        inputCostNanoUsd: charged.inputNanoUsd,
        outputCostNanoUsd: charged.outputNanoUsd,
        error: failed ? { code: outcome.error.code, message: outcome.error.publicMessage } : null,
        responseId: failed ? null : outcome.responseId,
      },
      proceed,
    );
  }

  #beginOf(deployment: Deployment, endpoint: Endpoint, caller: Principal, atMs: number): BeginRecord {
    const requestId = newId('req', atMs);
    const most = { ...NO_USAGE, inputTokens: INPUT_TOKENS, outputTokens: ANSWER_TOKENS };
    return {
      id: `${requestId}.1`,
      requestId,
      day: dayOf(atMs),
      startedAtMs: atMs,
      endpoint,
      charges: this.budgets.charges(caller, atMs, deployment),
      crashChargeNanoUsd: this.budgets.cost(deployment, most, atMs).totalNanoUsd,
      priceVersion: this.budgets.priceVersion(deployment),
      modelGroup: deployment.group,
      model: deployment.upstreamModel,
      provider: deployment.provider,
      deploymentId: deployment.id,
      apiBase: deployment.apiBase,
      stream: false,
      caller: RecordedCaller.of(caller),
      customerId: null,
      tags: ['health-check'],
      clientCallId: null,
      sessionId: null,
      requesterIp: null,
      userAgent: null,
    };
  }
}

function endingOf(outcome: UpstreamResult | UpstreamFailure): CallEnding['kind'] {
  if (!('error' in outcome)) return 'complete';
  if (outcome.neverSent) return 'never_sent';
  return outcome.status === 0 ? 'broken' : 'rejected';
}
