import { applyDecorators, Controller, createParamDecorator, type ExecutionContext, UseInterceptors } from '@nestjs/common';
import type { Author } from '#libs/tenancy';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { AdminCalls, authorOf, noteIgnored } from './admin-calls.js';
import { type BodyDefinition, ignoredFieldsHeader, parseBody, parseQuery } from './request-body.js';

/** A controller of the control plane. */
export function AdminController(): ClassDecorator {
  return applyDecorators(Controller(), UseInterceptors(AdminCalls));
}

/** Parameter decorator: who asks, and from where. */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): Author =>
  authorOf(context.switchToHttp().getRequest<object>()),
);

/** Parameter decorator: the body, parsed; unknown fields are named in `x-ignored-fields`. */
export const AdminBody = createParamDecorator((definition: BodyDefinition, context: ExecutionContext): unknown => {
  const http = context.switchToHttp();
  const request = http.getRequest<Request>();
  const { value, ignored } = parseBody(definition, request.body);
  if (ignored.length > 0) {
    noteIgnored(request, ignored);
    http.getResponse<Response>().setHeader('x-ignored-fields', ignoredFieldsHeader(ignored));
  }
  return value;
});

/** Parameter decorator: the query, parsed. */
export const AdminQuery = createParamDecorator((schema: z.ZodObject, context: ExecutionContext): unknown =>
  parseQuery(schema, context.switchToHttp().getRequest<Request>().query),
);
