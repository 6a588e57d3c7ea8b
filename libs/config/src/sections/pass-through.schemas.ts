import { z } from 'zod';
import { count, dollars, flag, secondsAsMs, text, textList } from './fields.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type PassThroughMethod = (typeof METHODS)[number];

/** A path of whole, plain segments: nothing in it that a decoder, a matcher or a normaliser could read in two ways. */
const plainPath = text.refine((path) => /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(path), {
  error: 'expected a path such as /my-service or /my-service/v1: plain letters, digits and dashes',
});

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** One entry of `general_settings.pass_through_endpoints` as it is written; `readPassThrough` makes sense of it. */
export const writtenEndpoint = z.strictObject({
  id: text.optional(),
  path: plainPath,
  target: text.optional(),
  methods: z
    .preprocess(
      (value) => (Array.isArray(value) ? value.map((one) => String(one).toUpperCase()) : value),
      z.array(z.enum(METHODS)).min(1),
    )
    .optional(),
  headers: z.record(z.string(), scalar).optional(),
  default_query_params: z.record(z.string(), scalar).optional(),
  forward_headers: flag.optional(),
  include_subpath: flag.optional(),
  auth: flag.optional(),
  custom_auth_parser: z.literal('langfuse').optional(),
  cost_per_request: dollars.optional(),
  timeout: secondsAsMs.optional(),
  rpm_limit: count.optional(),
  max_parallel_requests: count.optional(),
});

export const passThroughSettings = {
  pass_through_endpoints: z.array(writtenEndpoint),
  public_routes: textList,
  allow_user_auth: flag,
};
export type WrittenEndpoint = z.output<typeof writtenEndpoint>;
export { METHODS as PASS_THROUGH_METHODS };
