import { GatewayError } from '#libs/kernel';
import { hashOfNamed } from '#libs/tenancy';
import { z } from 'zod';
import { name, optionalName, storable } from '../http/fields.schemas.js';
import { sizedPaging } from '../http/query.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** A claim's value is compared whole, so it may be as long as an index entry. */
const value = storable(1_024).min(1);
const issuer = storable(512);
const hash = z.string().regex(/^[0-9a-fA-F]{64}$/, 'expected the SHA-256 of a key, in hex');
const id = z.string().min(1).max(64);

const FIELDS = {
  jwt_issuer: issuer
    .nullable()
    .transform((text) => text ?? '')
    .optional(),
  key: name.min(1).optional(),
  token: hash.optional(),
  description: optionalName,
};

export const newMappingBody = {
  schema: z.object({ jwt_claim_name: name.min(1), jwt_claim_value: value, ...FIELDS }),
} satisfies BodyDefinition;
export type NewMappingBody = z.output<typeof newMappingBody.schema>;

export const mappingChangeBody = {
  schema: z.object({
    id,
    jwt_claim_name: name.min(1).optional(),
    jwt_claim_value: value.optional(),
    ...FIELDS,
    is_active: z.boolean().optional(),
  }),
} satisfies BodyDefinition;
export type MappingChangeBody = z.output<typeof mappingChangeBody.schema>;

export const mappingIdBody = { schema: z.object({ id }) } satisfies BodyDefinition;
export type MappingIdBody = z.output<typeof mappingIdBody.schema>;

export const mappingQuery = z.object({ id });
export const mappingListQuery = z.object(sizedPaging(50));

/** The hash of the key that a body names, by `key` or by `token`. Throws 400 when it names both. */
export function keyHashOf({
  key,
  token,
}: {
  readonly key?: string | undefined;
  readonly token?: string | undefined;
}): string | undefined {
  if (key !== undefined && token !== undefined)
    throw new GatewayError('request.bad_field', "Send either 'key' or 'token', not both.", {
      param: 'token',
    });
  return key === undefined ? token?.toLowerCase() : hashOfNamed(key);
}
