import { applyDecorators, createParamDecorator, type ExecutionContext, Header } from '@nestjs/common';
import { GatewayError, isRecord } from '#libs/kernel';
import { Answers, noteBody } from '#libs/rbac';
import type { Request } from 'express';
import type { z } from 'zod';
import { SCIM_MEDIA_TYPE } from './scim-words.js';

/** As `@Answers`, of the standard's media type. */
export function ScimAnswers(summary: string, schema: z.ZodType): MethodDecorator {
  return applyDecorators(
    Answers(summary, schema, { mediaType: SCIM_MEDIA_TYPE }),
    Header('content-type', SCIM_MEDIA_TYPE),
  );
}

const sentObject = createParamDecorator((_: unknown, context: ExecutionContext): Record<string, unknown> => {
  const { body } = context.switchToHttp().getRequest<Request>() as { body?: unknown };
  if (isRecord(body)) return body;
  throw new GatewayError('request.invalid', 'The body must be a JSON object.', { type: 'invalidSyntax' });
});

/** Parameter decorator: the body, an object and no more than that; `schema` describes it in the documents. */
export function ScimBody(schema: z.ZodType): ParameterDecorator {
  return (target, name, index) => {
    noteBody(target, name, { schema });
    sentObject()(target, name, index);
  };
}
