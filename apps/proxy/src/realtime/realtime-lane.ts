import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type WebSocket, WebSocketServer } from 'ws';
import { Config } from '#libs/config';
import { Draining, errorAnswer, toGatewayError, type UpgradeLane } from '#libs/http';
import { GatewayError, newId, type Principal } from '#libs/kernel';
import type { RouteId } from '#libs/rbac';
import { Router } from '#libs/routing';
import { CallReports } from '../http/call-reports.js';
import { LaneFailures } from '../http/lane-failures.js';
import { type BookedSession, RealtimeBooks } from './realtime-books.js';
import { RealtimeCaller, type SessionCaller, textOf } from './realtime-caller.js';
import { offeredProtocols } from './realtime-credential.js';
import { RealtimeSession, type SessionTotals } from './realtime-session.js';
import { openUpstream } from './upstream-socket.js';

/** The rows of the policy table that this lane asks. */
export const REALTIME_DOORS: readonly RouteId[] = [
  'GET /v1/realtime',
  'GET /realtime',
  'GET /openai/v1/realtime',
];
/** OpenAI's own bound of an event, with room. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** One attempt to open a session, from its first byte to its end. */
interface Opening {
  readonly id: string;
  readonly startedAt: number;
  readonly route: RouteId;
  readonly request: IncomingMessage;
  principal: Principal | undefined;
  model: string;
}

/** Takes the connections that become realtime sessions. The one place where a session's outcome is told. */
@Injectable()
export class RealtimeLane implements UpgradeLane, OnModuleDestroy {
  readonly #sessions = new Set<RealtimeSession>();
  readonly #maxPayload: number;
  readonly #server: WebSocketServer;

  constructor(
    config: Config,
    private readonly caller: RealtimeCaller,
    private readonly books: RealtimeBooks,
    private readonly router: Router,
    private readonly draining: Draining,
    private readonly reports: CallReports,
    private readonly failures: LaneFailures,
  ) {
    this.#maxPayload = Math.min(config.server.maxRequestBytes, MAX_EVENT_BYTES);
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: this.#maxPayload,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (_offered, request) => offeredProtocols(request).agreed,
    });
  }

  accepts(request: IncomingMessage): boolean {
    return request.headers.upgrade?.toLowerCase() === 'websocket' && routeOf(request) !== undefined;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until somebody listens, a reset must not end the process.
    socket.on('error', () => socket.destroy());
    const route = routeOf(request) ?? 'GET /v1/realtime';
    const opening = {
      id: newId('req'),
      startedAt: performance.now(),
      route,
      request,
      principal: undefined,
      model: 'unknown',
    };
    void this.#serve(opening, socket, head);
  }

  async onModuleDestroy(): Promise<void> {
    for (const session of this.#sessions) session.stop();
    await Promise.all([...this.#sessions].map(({ ended }) => ended));
  }

  async #serve(opening: Opening, socket: Duplex, head: Buffer): Promise<void> {
    let error: GatewayError | undefined;
    let totals: SessionTotals | undefined;
    this.draining.enter();
    this.reports.started();
    try {
      const session = await this.#open(opening, socket, head);
      this.#sessions.add(session);
      await session.ended;
      this.#sessions.delete(session);
      ({ totals, refusal: error } = session);
    } catch (thrown) {
      error = toGatewayError(thrown);
      refuse(socket, error, opening.id);
    } finally {
      this.draining.leave();
    }
    this.#report(opening, error, totals);
  }

  /** Who, what and with which money; then the provider; then the client. A client never waits connected for a refusal. */
  async #open(opening: Opening, socket: Duplex, head: Buffer): Promise<RealtimeSession> {
    const { request, route, id } = opening;
    this.caller.assertOpen(request, route);
    const { key, beta } = offeredProtocols(request);
    const facts = this.caller.credentialOf(request, key);
    const model = modelOf(request);
    const identify = (): Promise<SessionCaller> =>
      this.caller.identify(
        facts,
        request,
        route,
        model ?? '',
        (principal) => (opening.principal = principal),
      );
    const caller = await identify();
    if (model === undefined)
      throw new GatewayError('request.invalid', 'Name the model in the query: ?model=…', { param: 'model' });
    opening.model = caller.resolution.name;
    const [deployment] = this.router
      .plan(caller.resolution, {
        endpoint: 'chat',
        tags: caller.principal.tags,
        keyNames: [caller.principal.key?.alias, caller.principal.key?.id, caller.principal.key?.hash],
      })
      .filter(({ wire }) => wire === 'openai');
    if (!deployment)
      throw new GatewayError(
        'routing.provider_unsupported',
        'No deployment of this model has realtime sessions.',
        {
          param: 'model',
        },
      );
    const upstreamModel = caller.resolution.upstreamModel(deployment);
    const booked: BookedSession = { id, request, deployment, upstreamModel, caller };
    await this.books.enter(booked);
    try {
      const upstream = await openUpstream(
        deployment,
        upstreamModel,
        beta ?? textOf(request.headers['openai-beta']),
        this.#maxPayload,
      );
      const client = await this.#accept(request, socket, head, upstream);
      const session = new RealtimeSession(booked, client, upstream, this.books, {
        recheck: () => recheckOf(booked, identify),
        isDraining: () => this.draining.isDraining,
      });
      upstream.resume();
      void session.ended.then(() => this.books.leave(booked));
      return session;
    } catch (error) {
      this.books.leave(booked);
      throw error;
    }
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer, upstream: WebSocket): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        upstream.terminate();
        reject(new GatewayError('request.invalid', 'The client left.'));
      };
      if (socket.destroyed) return gone();
      // A handshake that is none is answered and closed by the server itself.
      socket.once('close', gone);
      this.#server.handleUpgrade(request, socket, head, (client) => {
        socket.off('close', gone);
        resolve(client);
      });
    });
  }

  #report(opening: Opening, error: GatewayError | undefined, totals: SessionTotals | undefined): void {
    const { id: requestId, route, principal, model, startedAt } = opening;
    if (error) this.failures.note(error, { principal, route, model, requestId });
    const { costNanoUsd = 0n, inputTokens = 0, outputTokens = 0 } = totals ?? {};
    this.reports.ended({
      requestId,
      route,
      principal,
      model,
      countedModel: totals ? model : 'unknown',
      status: error?.status ?? 101,
      durationMs: performance.now() - startedAt,
      costNanoUsd,
      error,
      inputTokens,
      outputTokens,
    });
  }
}

/** Undefined while nothing has changed: then the caller is who it was. */
function recheckOf(booked: BookedSession, identify: () => Promise<SessionCaller>): Promise<void> | undefined {
  const { principal } = booked.caller;
  const isOver = principal.expiresAtMs !== undefined && principal.expiresAtMs <= Date.now();
  if (principal.isCurrent() && !isOver) return undefined;
  return identify().then((caller) => {
    booked.caller = caller;
  });
}

function routeOf(request: IncomingMessage): RouteId | undefined {
  const path = (request.url ?? '').split('?', 1)[0];
  return REALTIME_DOORS.find((door) => door === `GET ${path}`);
}

function modelOf(request: IncomingMessage): string | undefined {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  const models = mark < 0 ? [] : new URLSearchParams(url.slice(mark + 1)).getAll('model');
  const [model] = models;
  return models.length === 1 && model !== undefined && model !== '' && model.length <= 256
    ? model
    : undefined;
}

/** Before the handshake a refusal is an HTTP answer; afterwards there is nobody here to tell. */
function refuse(socket: Duplex, error: GatewayError, id: string): void {
  if (socket.destroyed || !socket.writable) return;
  const { status, headers, body } = errorAnswer(error, 'openai');
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'x-litellm-call-id': id,
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`);
}
