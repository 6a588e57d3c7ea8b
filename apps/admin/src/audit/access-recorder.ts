import { Injectable } from '@nestjs/common';
import { AccessJournal, type Actor } from '#libs/audit';
import type { Principal } from '#libs/kernel';
import { Network } from '#libs/rbac';
import type { NextFunction, Request, Response } from 'express';
import { hashRawKey } from '#libs/tenancy';
import { placeOf } from '../http/place.js';

type Asked = Request & { user?: Principal; route?: { path?: string } };

/** Routes that show what is secret or nearly so: who looked is recorded, unless it looked at its own. */
const SECRET_READS: Readonly<Record<string, { noun: string; named: string }>> = {
  'GET /key/info': { noun: 'key', named: 'key' },
  'GET /v2/key/info': { noun: 'key', named: 'key' },
  'POST /v2/key/info': { noun: 'key', named: 'keys' },
  'GET /credentials': { noun: 'credential', named: 'credential_name' },
  'GET /credentials/by_name/:name': { noun: 'credential', named: 'name' },
  'GET /credentials/by_model/:id': { noun: 'credential', named: 'id' },
};

/** Puts into the access journal who was refused on a route of the control plane, and who read secrets. */
@Injectable()
export class AccessRecorder {
  constructor(
    private readonly journal: AccessJournal,
    private readonly network: Network,
  ) {}

  /** Express middleware, before everything that can refuse. */
  readonly middleware = (request: Asked, response: Response, next: NextFunction): void => {
    response.once('finish', () => this.#finished(request, response));
    next();
  };

  #finished(request: Asked, response: Response): void {
    const { statusCode: status } = response;
    // The matched route and never the URL: that may hold keys and names.
    const route = `${request.method} ${request.route?.path ?? '(no such route)'}`;
    if (status === 401 || status === 403)
      return this.journal.refused(this.#actorOf(request, response), route, status);
    const read = status === 200 ? SECRET_READS[route] : undefined;
    if (read) this.#read(request, response, read);
  }

  #read(request: Asked, response: Response, { noun, named }: { noun: string; named: string }): void {
    const sent: unknown =
      request.params[named] ??
      request.query[named] ??
      (request.body as Record<string, unknown> | undefined)?.[named];
    const names = (Array.isArray(sent) ? sent : [sent]).filter(
      (one): one is string => typeof one === 'string',
    );
    const own = request.user?.key?.hash;
    // A key that asks without a name asks about itself.
    if (names.length === 0 && own !== undefined && noun === 'key') return;
    for (const name of names.length === 0 ? ['all'] : names) {
      const id = name.startsWith('sk-') ? hashRawKey(name) : name;
      if (id !== own) this.journal.read(this.#actorOf(request, response), noun, id);
    }
  }

  #actorOf(request: Asked, response: Response): Actor {
    const { user } = request;
    const { ip, requestId } = placeOf(this.network, request, response);
    return {
      userId: user?.user?.id ?? (user?.credential === 'master_key' ? user.displayName : null),
      keyId: user?.key?.id ?? null,
      ip: ip ?? request.socket.remoteAddress ?? null,
      requestId,
    };
  }
}
