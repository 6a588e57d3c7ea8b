import type { z } from 'zod';

const ANSWER = Symbol('tollgate:answer');
const BODY = Symbol('tollgate:body');
const QUERY = Symbol('tollgate:query');

/** What a route says about itself in the documents. */
export interface RouteAnswer {
  /** One sentence in the imperative or third person, without a full stop needed: "Makes a key". */
  readonly summary: string;
  /** The body of a success. `null`: none, or not JSON. */
  readonly schema: z.ZodType | null;
  /** Of a success; `application/json` when absent. */
  readonly mediaType?: string;
}

/** What a route takes. */
export interface RouteBody {
  readonly schema: z.ZodType;
  /** True: may be left out altogether. */
  readonly optional?: boolean;
}

/**
 * Says what a handler does and answers, beside `@Handles`: the OpenAPI document and the permissions page are made from it.
 * A handler without it fails the test of the documents. The schema describes, it does not check: write it as loose as the
 * answer is (`z.looseObject`).
 */
export function Answers(
  summary: string,
  schema: z.ZodType | null,
  { mediaType }: { mediaType?: string } = {},
): MethodDecorator {
  const answer: RouteAnswer = { summary, schema, ...(mediaType === undefined ? {} : { mediaType }) };
  return (_target, _name, descriptor: PropertyDescriptor) =>
    Reflect.defineMetadata(ANSWER, answer, descriptor.value as object);
}

/** What `@Answers` said; undefined for a handler that says nothing. */
export function answerOf(handler: object): RouteAnswer | undefined {
  return Reflect.getMetadata(ANSWER, handler) as RouteAnswer | undefined;
}

/** For parameter decorators that read a body: remembers its schema for the documents. */
export function noteBody(target: object, name: string | symbol | undefined, body: RouteBody): void {
  if (name !== undefined) Reflect.defineMetadata(BODY, body, target, name);
}

/** For parameter decorators that read the query: remembers its schema for the documents. */
export function noteQuery(target: object, name: string | symbol | undefined, schema: z.ZodType): void {
  if (name !== undefined) Reflect.defineMetadata(QUERY, schema, target, name);
}

export function bodyOf(prototype: object, name: string): RouteBody | undefined {
  return Reflect.getMetadata(BODY, prototype, name) as RouteBody | undefined;
}

export function queryOf(prototype: object, name: string): z.ZodType | undefined {
  return Reflect.getMetadata(QUERY, prototype, name) as z.ZodType | undefined;
}
