import {
  applyDecorators,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  UseInterceptors,
} from '@nestjs/common';
import { noteBody, noteQuery } from '#libs/rbac';
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

// What a decorator is given travels inside an object of its own: Nest takes one with a `schema` or a `transform` (as zod's
// have) for a pipe of its own and keeps it.
const bodyOf = createParamDecorator(
  ({ read }: { read: () => BodyDefinition }, context: ExecutionContext): unknown => {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const { value, ignored } = parseBody(read(), request.body);
    if (ignored.length > 0) {
      noteIgnored(request, ignored);
      http.getResponse<Response>().setHeader('x-ignored-fields', ignoredFieldsHeader(ignored));
    }
    return value;
  },
);
const queryOf = createParamDecorator(
  ({ read }: { read: () => z.ZodObject }, context: ExecutionContext): unknown =>
    parseQuery(read(), context.switchToHttp().getRequest<Request>().query),
);

/** Parameter decorator: the body, parsed; unknown fields are named in `x-ignored-fields`. Its schema is the route's in the OpenAPI document. */
export function AdminBody(definition: BodyDefinition): ParameterDecorator {
  const { schema, optional = false } = definition;
  return (target, name, index) => {
    noteBody(target, name, { schema, optional });
    bodyOf({ read: () => definition })(target, name, index);
  };
}

/** Parameter decorator: the query, parsed; its schema is the route's in the OpenAPI document. */
export function AdminQuery(schema: z.ZodObject): ParameterDecorator {
  return (target, name, index) => {
    noteQuery(target, name, schema);
    queryOf({ read: () => schema })(target, name, index);
  };
}
