import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { Request, Response } from 'express';
import { GatewayError } from '#libs/kernel';
import { errorAnswer, errorShapeOf, toGatewayError } from './error-answer.js';

/** A request that is answered with an error, as Express and the guards leave it. */
export interface FailedRequest {
  /** The route that matched, as declared: `GET /credentials/by_name/{name}`. Never the URL, which may hold keys and names. */
  readonly route: string;
  readonly requestId: string | undefined;
  /** The caller, once somebody has found out who it is. */
  readonly user: unknown;
}

/** What the filter asks and tells, because routes and what is kept of failures are not its own. */
export interface FailureRules {
  /** Told of every error before it is answered: it must not throw and must be cheap. */
  failed(error: GatewayError, request: FailedRequest): void;
  /** The methods under which a path is served. */
  methodsOf(path: string): readonly string[];
  /** Whether clients of a declared route read `detail`. */
  tellsDetail(route: string): boolean;
}

/** Everything thrown on a Nest route becomes the one error shape; what was unexpected is told to `failed`, never to the client. */
@Catch()
export class GatewayErrorFilter implements ExceptionFilter {
  constructor(private readonly rules: FailureRules) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const request = http.getRequest<Request & { user?: unknown }>();
    const error = fromNest(thrown, request, this.rules) ?? toGatewayError(thrown);
    const route = declaredRouteOf(request);
    const requestId = response.getHeader('x-litellm-call-id');
    this.rules.failed(error, {
      route,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      user: request.user,
    });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const answer = errorAnswer(error, errorShapeOf(request.path), this.rules.tellsDetail(route));
    response.status(answer.status).set(answer.headers).json(answer.body);
  }
}

/** From the pattern of the handler that matched, where one did. */
function declaredRouteOf({ method, route }: Request): string {
  const pattern: unknown = (route as { path?: unknown } | undefined)?.path;
  return `${method} ${typeof pattern === 'string' ? pattern.replaceAll(/:(\w+)/g, '{$1}') : '(no such route)'}`;
}

/** Nest's own refusals: an unknown path, a wrong method. Bodies as contract/admin-api 0.2 E5, beside our `error` object. */
function fromNest(thrown: unknown, request: Request, { methodsOf }: FailureRules): GatewayError | undefined {
  if (!(thrown instanceof HttpException)) return undefined;
  if (thrown.getStatus() === 404) {
    const methods = methodsOf(request.path);
    if (methods.length > 0 && !methods.includes(request.method)) {
      return new GatewayError('request.method_not_allowed', 'Method not allowed', {
        detail: 'Method Not Allowed',
        headers: { allow: methods.join(', ') },
        cause: thrown,
      });
    }
    return new GatewayError(
      'request.not_found',
      `There is no route ${request.method} ${printable(request.path)}.`,
      {
        detail: 'Not Found',
        cause: thrown,
      },
    );
  }
  if (thrown.getStatus() === 405) {
    return new GatewayError('request.method_not_allowed', 'Method not allowed', {
      detail: 'Method Not Allowed',
    });
  }
  return new GatewayError(
    thrown.getStatus() >= 500 ? 'internal.unexpected' : 'request.invalid',
    thrown.message,
    {
      status: thrown.getStatus(),
      cause: thrown,
    },
  );
}

function printable(path: string): string {
  return path.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
