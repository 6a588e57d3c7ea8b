import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { Request, Response } from 'express';
import { GatewayError } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { errorAnswer, errorShapeOf, toGatewayError } from './error-answer.js';

/** Everything thrown on a Nest route becomes the one error shape; unexpected ones are logged with their cause, never shown. */
@Catch()
export class GatewayErrorFilter implements ExceptionFilter {
  /**
   * `refused` is told of every error before it is answered: it must not throw and must be cheap. `methodsOf` knows the methods
   * under which a path is served.
   */
  constructor(
    private readonly logger: Logger,
    private readonly refused?: (error: GatewayError, request: Request) => void,
    private readonly methodsOf?: (path: string) => readonly string[],
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const request = http.getRequest<Request>();
    const error = fromNest(thrown, request, this.methodsOf) ?? toGatewayError(thrown);
    if (error.status >= 500) {
      this.logger.error({ code: error.code, path: request.path, err: error.cause ?? error }, error.message);
    }
    this.refused?.(error, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const answer = errorAnswer(error, errorShapeOf(request.path), DETAILED.test(request.path));
    response.status(answer.status).set(answer.headers).json(answer.body);
  }
}

/** Families whose clients read `detail` (contract/admin-api 0.3, E2): it stands beside `error` there. */
const DETAILED =
  /^\/(?:key\/(?:service-account|bulk_update)|key\/[^/]+\/reset_spend|team\/(?!new|update|info)|v2\/team\/|user\/(?:delete|list|bulk_update)|organization\/|v2\/organization\/|customer\/(?:un)?block|project\/|budget\/|access_group\/|v1\/(?:unified_)?access_group|invitation\/(?!new)|jwt\/|audit|tag\/|credentials|(?:v1\/)?model\/info|(?:v1\/)?models\/|spend\/logs\/v2|[a-z_]+\/daily\/)/;

/** Nest's own refusals: an unknown path, a wrong method. Bodies as contract/admin-api 0.2 E5, beside our `error` object. */
function fromNest(
  thrown: unknown,
  request: Request,
  methodsOf: (path: string) => readonly string[] = () => [],
): GatewayError | undefined {
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
