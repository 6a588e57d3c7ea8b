import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { GatewayError } from '#libs/kernel';
import { toGatewayError } from '#libs/http';
import { Logger } from '#libs/telemetry';
import type { Response } from 'express';
import { ERROR_SCHEMA, SCIM_MEDIA_TYPE } from './scim-words.js';

/** RFC 7644, table 9. */
const SCIM_TYPES: ReadonlySet<string> = new Set([
  'invalidFilter',
  'tooMany',
  'uniqueness',
  'mutability',
  'invalidSyntax',
  'invalidPath',
  'noTarget',
  'invalidValue',
]);

/** Refusals on the SCIM routes, those of the guards too, in the standard's shape: identity providers show `detail` to people. */
@Catch()
export class ScimErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const { status, headers, detail, scimType, cause } = answerOf(thrown);
    if (status >= 500) this.logger.error({ err: cause }, detail);
    const body = {
      schemas: [ERROR_SCHEMA],
      status: String(status),
      ...(scimType === undefined ? {} : { scimType }),
      detail,
    };
    response.status(status).set(headers).type(SCIM_MEDIA_TYPE).send(JSON.stringify(body));
  }
}

interface ScimAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: string;
  readonly scimType: string | undefined;
  readonly cause: unknown;
}

function answerOf(thrown: unknown): ScimAnswer {
  if (thrown instanceof HttpException)
    return {
      status: thrown.getStatus(),
      headers: {},
      detail: thrown.message,
      scimType: undefined,
      cause: thrown,
    };
  const error: GatewayError = toGatewayError(thrown);
  // Identity providers know "already there" as this one word, wherever the refusal comes from.
  const named = error.code === 'request.conflict' && !SCIM_TYPES.has(error.type) ? 'uniqueness' : error.type;
  return {
    status: error.status,
    headers: error.headers,
    detail: error.publicMessage,
    scimType: SCIM_TYPES.has(named) ? named : undefined,
    cause: error.cause ?? error,
  };
}
