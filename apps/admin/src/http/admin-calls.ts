import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { rethrowOutage } from '#libs/database';
import { GatewayError, type Principal } from '#libs/kernel';
import { Network } from '#libs/rbac';
import { Logger } from '#libs/telemetry';
import type { Author } from '#libs/tenancy';
import type { Request, Response } from 'express';
import { catchError, type Observable, tap } from 'rxjs';
import { placeOf } from './place.js';
import { receiptText } from './receipt.js';

const AUTHORS = new WeakMap<object, Author>();
const IGNORED = new WeakMap<object, readonly string[]>();

/** What every admin route has in common around its handler: who asked, which fields were ignored, and what an outage looks like. */
@Injectable()
export class AdminCalls implements NestInterceptor {
  constructor(
    private readonly network: Network,
    private readonly logger: Logger,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request & { user?: Principal }>();
    const response = http.getResponse<Response>();
    if (request.user !== undefined) AUTHORS.set(request, this.#authorOf(request, request.user, response));
    return next.handle().pipe(
      tap(() => this.#logIgnored(request)),
      // A database that is away must never look like a bad request or a missing row.
      catchError(rethrowOutage),
    );
  }

  #authorOf(request: Request, principal: Principal, response: Response): Author {
    return {
      principal,
      ...placeOf(this.network, request, response),
      onRevoked: (receipt) => response.setHeader('x-tollgate-revocation', receiptText(receipt)),
    };
  }

  #logIgnored(request: Request): void {
    const fields = IGNORED.get(request);
    if (fields !== undefined)
      this.logger.warn({ path: request.path, fields }, 'Fields of an admin request were ignored.');
  }
}

/** Who asked, for the audit record. */
export function authorOf(request: object): Author {
  const author = AUTHORS.get(request);
  if (author === undefined) {
    throw new GatewayError('internal.unexpected', 'The request has no author.', {
      internal: 'By() outside AdminCalls',
    });
  }
  return author;
}

/** Remembers what was ignored, for the log line that is written when the call has succeeded. */
export function noteIgnored(request: object, fields: readonly string[]): void {
  IGNORED.set(request, fields);
}
