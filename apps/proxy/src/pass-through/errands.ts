import { Injectable } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import type { BeginRecord } from '#libs/budget';
import { Config, type PassThroughEndpoint } from '#libs/config';
import type { Admission } from '#libs/counters';
import { GatewayError, type NanoUsd } from '#libs/kernel';
import { Relay, type RelayAnswer, relayedHeaders } from '#libs/providers';
import { AnswerRelay } from './answer-relay.js';
import { BodyMeter } from './body-meter.js';
import type { Errand } from './errand.js';
import { ErrandCaller, type KnownCaller } from './errand-caller.js';
import { fixedBound, FlatAdmissions } from './flat-admissions.js';
import { type FlatEnd, FlatLedger } from './flat-ledger.js';
import { targetPathOf, targetQueryOf } from './target-path.js';

/** Rights that change more often than this during one request are not a race. */
const MAX_RESTARTS = 3;
const IDLE_TIMEOUT_MS = 600_000;

/** One call to a pass-through endpoint, from a request to a settled bill. Read it from top to bottom. */
@Injectable()
export class Errands {
  constructor(
    private readonly caller: ErrandCaller,
    private readonly admissions: FlatAdmissions,
    private readonly ledger: FlatLedger,
    private readonly relay: Relay,
    private readonly answers: AnswerRelay,
    private readonly config: Config,
    private readonly journal: AccessJournal,
  ) {}

  /** Resolves when the client has its answer and the entry is durable; throws what the client must be told instead. */
  async run(errand: Errand): Promise<void> {
    this.caller.assertOpen(errand);
    const path = targetPathOf(errand.endpoint, errand.path);
    BodyMeter.assertDeclaredSize(errand.request, this.config.server.maxRequestBytes);
    for (let restarts = 0; ; restarts += 1) {
      const known = await this.caller.identify(errand);
      const query = targetQueryOf(errand.endpoint, errand.query, known.credential);
      const id = restarts === 0 ? errand.id : `${errand.id}:${restarts}`;
      const atMs = Date.now();
      const admission = await this.#admit(id, errand.endpoint, known, atMs);
      if (known.principal.isCurrent()) return this.#call(errand, known, admission, atMs, path + query);
      // The caller's rights changed while it waited: everything is asked again.
      this.admissions.settle(id);
      if (restarts === MAX_RESTARTS)
        throw new GatewayError('server.overloaded', 'The caller’s rights keep changing; try again.');
    }
  }

  #admit(
    id: string,
    endpoint: PassThroughEndpoint,
    { principal, tags, customerId }: KnownCaller,
    atMs: number,
  ): Promise<Admission> {
    return this.admissions.admit(id, {
      principal,
      atMs,
      bound: fixedBound(endpoint.costNanoUsd),
      place: placeOf(endpoint),
      call: {
        modelGroup: endpoint.path,
        // Nobody knows the tokens; one, so that a token limit that is used up refuses.
        tokensBound: 1,
        facts: {
          endpoint: 'embeddings',
          requestedModel: endpoint.path,
          stream: false,
          inputTokenBound: 1,
          choices: 1,
          tags,
          ...(customerId === undefined ? {} : { customerId }),
        },
      },
    });
  }

  async #call(
    errand: Errand,
    known: KnownCaller,
    admission: Admission,
    atMs: number,
    path: string,
  ): Promise<void> {
    const { id } = admission;
    let begin: BeginRecord;
    try {
      begin = await this.#begin(id, errand, known, atMs);
    } catch (error) {
      this.admissions.settle(id);
      throw error;
    }
    const end = (ended: FlatEnd): Promise<void> => {
      errand.costNanoUsd = ended.costNanoUsd;
      return this.ledger.end(begin, ended, () =>
        this.admissions.settle(id, { requests: 1, costNanoUsd: ended.costNanoUsd }),
      );
    };
    let answer: RelayAnswer;
    const meter = BodyMeter.of(errand.request, this.config.server.maxRequestBytes);
    try {
      answer = await this.#send(errand, known, path, meter);
    } catch (thrown) {
      const error = meter?.refusal ?? thrown;
      await end({ ...FAILED, costNanoUsd: this.#costOfFailure(errand, error), error });
      throw error;
    }
    const isPaid = answer.status < 400;
    const costNanoUsd = isPaid ? priceOf(errand.endpoint) : 0n;
    const firstByteAtMs = Date.now();
    const outcome = { costNanoUsd, firstByteAtMs, flag: isPaid ? '' : 'upstream_error' };
    await this.answers.pass(errand, answer, admission.standings, {
      whole: () => end({ ...outcome, status: isPaid ? 'success' : 'failure' }),
      broken: (error) =>
        end({
          ...outcome,
          status: 'failure',
          flag: errand.signal.aborted ? 'cancelled' : 'broken_stream',
          ...(errand.signal.aborted ? {} : { error }),
        }),
    });
  }

  /** Who hangs up has been served as far as anybody knows; what never got there costs nothing. */
  #costOfFailure(errand: Errand, error: unknown): NanoUsd {
    const isUnknown = error instanceof GatewayError && error.code === 'upstream.timeout';
    return isUnknown || errand.signal.aborted ? priceOf(errand.endpoint) : 0n;
  }

  #begin(id: string, { endpoint, request }: Errand, known: KnownCaller, atMs: number): Promise<BeginRecord> {
    const { headers } = request;
    const { principal, customerId, tags } = known;
    return this.ledger.begin({
      id,
      endpoint: 'pass_through',
      atMs,
      principal,
      customerId,
      tags,
      modelGroup: endpoint.path,
      model: endpoint.path,
      provider: 'pass_through',
      deploymentId: placeOf(endpoint).id,
      apiBase: endpoint.target.origin,
      priceVersion: endpoint.costNanoUsd === undefined ? 'none' : 'pass-through',
      crashChargeNanoUsd: priceOf(endpoint),
      sessionId: textOf(headers['x-litellm-session-id']),
      from: {
        peer: request.socket.remoteAddress,
        forwardedFor: textOf(headers['x-forwarded-for']),
        userAgent: headers['user-agent'],
        callId: textOf(headers['x-litellm-call-id']),
      },
    });
  }

  #send(
    errand: Errand,
    { credential }: KnownCaller,
    path: string,
    body: BodyMeter | null,
  ): Promise<RelayAnswer> {
    const { endpoint, request, signal } = errand;
    const { keyHeaderName } = this.config.auth;
    const timeoutMs = endpoint.timeoutMs ?? this.config.router.timeoutMs;
    if (endpoint.storedId !== undefined && hasSecret(endpoint))
      this.journal.credentialUsed(`pass_through_endpoint ${endpoint.storedId}`);
    const headers = relayedHeaders(request.rawHeaders, {
      own: endpoint.headers.map(([name, value]) => [
        name,
        typeof value === 'string' ? value : value.reveal(),
      ]),
      forwards: endpoint.forwardsHeaders,
      credentialNames: [keyHeaderName, endpoint.keyHeader, ...this.#identityHeaders()].filter(
        (name) => name !== undefined,
      ),
      credential,
    });
    const length = request.headers['content-length'];
    if (body !== null && length !== undefined) headers.push('content-length', length);
    return this.relay.send({
      origin: endpoint.target.origin,
      path,
      method: request.method ?? 'GET',
      headers,
      body,
      timeoutMs,
      idleTimeoutMs: Math.min(timeoutMs, IDLE_TIMEOUT_MS),
      signal,
    });
  }

  /** What an authenticating proxy in front of us says about the caller is said to us. */
  #identityHeaders(): string[] {
    return Object.values(this.config.signIn.proxyHeaders?.headers ?? {});
  }
}

const FAILED = { status: 'failure', flag: 'upstream_error', firstByteAtMs: null } as const;

/** Whether something that is kept encrypted goes along. */
function hasSecret({ headers, target }: PassThroughEndpoint): boolean {
  return [...headers, ...target.query].some(([, value]) => typeof value !== 'string');
}

function priceOf({ costNanoUsd }: PassThroughEndpoint): NanoUsd {
  return costNanoUsd ?? 0n;
}

const places = new WeakMap<PassThroughEndpoint, ReturnType<typeof makePlace>>();

/** The endpoint as something with limits of its own; the same object for each call. */
function placeOf(endpoint: PassThroughEndpoint): ReturnType<typeof makePlace> {
  let place = places.get(endpoint);
  if (!place) places.set(endpoint, (place = makePlace(endpoint)));
  return place;
}

function makePlace({ path, requestsPerMinute, maxParallelRequests }: PassThroughEndpoint) {
  return {
    id: `pass-through:${path}`,
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(maxParallelRequests === undefined ? {} : { maxParallelRequests }),
  };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
