import { Injectable } from '@nestjs/common';
import { Budgets } from '#libs/budget';
import { GatewayError, type Principal } from '#libs/kernel';
import type { RequestBody, UpstreamFailure } from '#libs/providers';
import { type DeploymentSeries, Metrics } from '#libs/telemetry';
import {
  type Deployment,
  failureKind,
  fallbacksFor,
  maxRetriesFor,
  type Resolution,
  retryDelayMs,
  Router,
  shouldRetry,
} from '#libs/routing';
import { Config } from '#libs/config';
import { Admissions } from './admissions.js';
import { Attempts } from './attempts.js';
import type { Call } from './call.js';
import type { ClientAnswer } from './client-answer.js';
import { type Asked, Entrance } from './entrance.js';
import { assertFitsContext } from './context-window.js';
import { type Candidate, makePlan } from './plan.js';
import type { Ticket } from './ticket.js';

/** Rights that change more often than this during one request are not a race, they are an attack or a defect. */
const MAX_RESTARTS = 3;

/** A group that could not serve the call, and how. */
interface GroupFailure {
  readonly resolution: Resolution;
  readonly failed: GatewayError;
}

/** How a group's deployments dealt with the call. */
type Served = 'done' | 'outdated' | UpstreamFailure;

/** A try that failed and was not free: what it used is spent, so the next holds money and tokens of its own. */
interface Again {
  readonly failure: UpstreamFailure;
  /** Whom to try next, and then. */
  readonly deployments: readonly Deployment[];
  readonly retries: number;
}

/** One completion, from a request to a settled bill. Read it from top to bottom. */
@Injectable()
export class Completions {
  constructor(
    private readonly entrance: Entrance,
    private readonly router: Router,
    private readonly budgets: Budgets,
    private readonly admissions: Admissions,
    private readonly attempts: Attempts,
    private readonly config: Config,
    private readonly metrics: Metrics,
  ) {}

  /** Resolves when the client has its answer and the spend is durable; throws what the client must be told instead. */
  async run(call: Call, answer: ClientAnswer): Promise<void> {
    this.entrance.assertOpen(call);
    // Nothing is awaited that is at hand: each needless turn of the microtask queue costs as much as a look-up.
    const found = this.#caller(call);
    let principal = found instanceof Promise ? await found : found;
    const body = await this.entrance.read(call);
    while (!(await this.#answer(call, answer, principal, body))) {
      call.restarts += 1;
      if (call.restarts > MAX_RESTARTS)
        throw new GatewayError('server.overloaded', 'The caller’s rights keep changing; try again.');
      principal = await this.#caller(call);
    }
  }

  #caller(call: Call): Principal | Promise<Principal> {
    const found = this.entrance.authenticate(call);
    if (found instanceof Promise) return found.then((principal) => (call.principal = principal));
    return (call.principal = found);
  }

  /** False when the caller's rights changed before anything was sent: everything is asked again. */
  async #answer(call: Call, answer: ClientAnswer, principal: Principal, body: RequestBody): Promise<boolean> {
    const understood = this.entrance.understand(call, principal, body);
    const asked = understood instanceof Promise ? await understood : understood;
    call.facts = asked.facts;
    call.principal = asked.principal;
    this.entrance.assertComplete(asked);
    const failures: GroupFailure[] = [];
    let resolution = asked.resolution;
    for (;;) {
      let failed: GatewayError;
      try {
        const served = await this.#serve(call, answer, asked, resolution);
        if (served === 'done') return true;
        if (served === 'outdated') return false;
        failed = served.error;
      } catch (thrown) {
        // A group that rests or is full may be stood in for; a caller that may not or cannot pay may not.
        if (!(thrown instanceof GatewayError)) throw thrown;
        const mayStandIn = call.fallbacks > 0 || asked.principal.budgetFallbacks !== undefined;
        if (!isGroupsFault(thrown) && !(mayStandIn && isModels(thrown))) throw thrown;
        failed = thrown;
      }
      failures.push({ resolution, failed });
      const next = this.#fallback(asked, failures, call.fallbacks);
      if (!next || call.isGone) throw failed;
      call.fallbacks += 1;
      resolution = next;
    }
  }

  /** One group: plan, admit, try its deployments, settle. */
  async #serve(call: Call, answer: ClientAnswer, asking: Asked, resolution: Resolution): Promise<Served> {
    const { facts } = asking;
    // Who stands in is judged by its own name: rules for the model that was asked for say nothing about it.
    const standsInAs = call.fallbacks > 0 ? resolution.name : undefined;
    const asked = this.entrance.forModel(asking, resolution, standsInAs);
    const { principal } = asked;
    call.principal = principal;
    const deployments = this.router.plan(resolution, {
      endpoint: facts.endpoint,
      tags: facts.tags,
      keyNames: [principal.key?.alias, principal.key?.id, principal.key?.hash],
    });
    let served = await this.#serveFrom(call, answer, asked, resolution, deployments, 0);
    while (typeof served === 'object' && 'retries' in served) {
      const { failure, deployments: others, retries } = served;
      try {
        served = await this.#serveFrom(call, answer, asked, resolution, others, retries);
      } catch (thrown) {
        if (!(thrown instanceof GatewayError)) throw thrown;
        // Nothing is left for another try: the one that was made is what the caller hears of.
        return failure;
      }
    }
    return served;
  }

  async #serveFrom(
    call: Call,
    answer: ClientAnswer,
    asked: Asked,
    resolution: Resolution,
    deployments: readonly Deployment[],
    retries: number,
  ): Promise<Served | Again> {
    const plan = makePlan(asked, asked.facts, resolution, deployments, this.budgets, Date.now());
    const fits = assertFitsContext(asked, plan);
    if (fits) await fits;
    const admitted = this.admissions.admit(call, asked, plan);
    const ticket = admitted instanceof Promise ? await admitted : admitted;
    try {
      const served = await this.#tryDeployments(call, answer, asked, ticket, retries);
      if (served !== 'done') call.hasTaken(ticket.standings);
      return served;
    } finally {
      // Settled already when an answer was released; twice changes nothing.
      this.admissions.settle(ticket);
    }
  }

  async #tryDeployments(
    call: Call,
    answer: ClientAnswer,
    asked: Asked,
    ticket: Ticket,
    retriesBefore: number,
  ): Promise<Served | Again> {
    const { candidates } = ticket;
    const deployments = candidates.map(({ deployment }) => deployment);
    for (let at = 0, retries = retriesBefore; ; at = (at + 1) % candidates.length) {
      const candidate = candidates[at];
      if (!candidate) throw new Error('a ticket without a candidate');
      const outcome = await this.attempts.make(call, answer, asked, ticket, candidate);
      if (outcome.kind === 'answered') this.#succeeded(candidate);
      if (outcome.kind === 'outdated') return 'outdated';
      if (outcome.kind !== 'failed' && outcome.kind !== 'broken') return 'done';
      const { failure } = outcome;
      this.#failed(candidate, failure, asked);
      if (outcome.kind === 'broken') return 'done';
      const maxRetries = maxRetriesFor(
        asked.headers.numRetries,
        candidate.deployment.maxRetries,
        this.config.router.numRetries,
      );
      const healthy = this.router.healthyCount(deployments);
      const again = shouldRetry(
        { status: failure.status, code: failure.error.code, started: failure.started },
        { retries, maxRetries, groupSize: candidates.length, healthy },
      );
      const next = candidates[(at + 1) % candidates.length];
      if (!again || !next || call.isGone) return failure;
      const isPaid = ticket.used.totalTokens > 0;
      if (!isPaid && next !== candidate && !(await this.admissions.extend(call, ticket, next, asked)))
        return failure;
      const otherHealthy = next !== candidate && this.router.cooldownRemainingMs(next.deployment) === 0;
      const waitMs = retryDelayMs({ retries, otherHealthy, upstreamRetryAfterMs: failure.retryAfterMs });
      if (waitMs > 0) await pause(call, waitMs);
      if (call.isGone) return failure;
      retries += 1;
      call.retries += 1;
      if (isPaid) return { failure, deployments: from(deployments, (at + 1) % deployments.length), retries };
    }
  }

  #succeeded({ deployment, upstreamModel }: Candidate): void {
    this.router.report(deployment, 'success');
    this.#series(deployment, upstreamModel).succeeded();
  }

  #failed({ deployment, upstreamModel }: Candidate, failure: UpstreamFailure, asked: Asked): void {
    this.router.report(deployment, {
      status: failure.status,
      ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      // A caller's impatience says nothing about the deployment.
      callerTimeout: failure.error.code === 'upstream.timeout' && hasOwnTimeout(asked),
    });
    const series = this.#series(deployment, upstreamModel);
    series.failed(failure.status || failure.error.status);
    if (this.router.cooldownRemainingMs(deployment) > 0) series.cooledDown();
  }

  #series({ id, provider, apiBase }: Deployment, model: string): DeploymentSeries {
    return this.metrics.deployment({ id, model, provider, apiBase });
  }

  /** Who stands in for the group that failed last; if nobody is left, for the one that it stood in for, and so on. */
  #fallback(asked: Asked, failures: readonly GroupFailure[], hops: number): Resolution | undefined {
    const tried = new Set(failures.map(({ resolution }) => resolution.name));
    for (const failure of failures.toReversed()) {
      for (const name of this.#standIns(asked, failure, tried, hops)) {
        const resolution = this.#resolveIfAllowed(asked.principal, name);
        if (resolution) return resolution;
      }
    }
    return undefined;
  }

  /** The operator's fallbacks; of a model that the caller itself may have no more of, those that its key names. */
  #standIns(
    { principal, facts }: Asked,
    { resolution: { name, group }, failed }: GroupFailure,
    tried: ReadonlySet<string>,
    hops: number,
  ): readonly string[] {
    const { router } = this.config;
    if (!isModels(failed)) return fallbacksFor(group, failureKind(failed.code), router, tried, hops);
    if (failed.code !== 'budget.exceeded') return [];
    const { budgetFallbacks: lists = {} } = principal;
    const asked = hops === 0 ? facts.requestedModel : name;
    const names = lists[asked] ?? lists[name] ?? lists[group] ?? [];
    return names.filter((one) => !tried.has(one)).slice(0, Math.max(0, router.maxFallbacks - hops));
  }

  /** A fallback is a convenience of the operator's, not a grant: who may not call the model by its name does not get it this way. */
  #resolveIfAllowed(principal: Principal, name: string): Resolution | undefined {
    try {
      return this.entrance.resolve(principal, name);
    } catch (thrown) {
      if (thrown instanceof GatewayError) return undefined;
      throw thrown;
    }
  }
}

/** Waits, but not for a caller who has left: what the call holds is wanted by others. */
function pause(call: Call, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      call.whenGone(undefined);
      resolve();
    };
    const timer = setTimeout(done, ms);
    call.whenGone(done);
  });
}

/** The same list, begun at a place in it. */
function from<T>(list: readonly T[], at: number): readonly T[] {
  return [...list.slice(at), ...list.slice(0, at)];
}

function hasOwnTimeout({ headers, facts }: Asked): boolean {
  return (facts.stream ? (headers.streamTimeoutMs ?? headers.timeoutMs) : headers.timeoutMs) !== undefined;
}

/** The caller's own limit or budget for that one model. */
function isModels(error: GatewayError): boolean {
  return error.denial?.scope?.type === 'model';
}

function isGroupsFault(error: GatewayError): boolean {
  const scope = error.denial?.scope?.type;
  return error.code === 'routing.all_in_cooldown' || scope === 'deployment' || scope === 'provider';
}
