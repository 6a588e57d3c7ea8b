import { GatewayError, isStorableText } from '#libs/kernel';
import { hashOfNamed } from '#libs/tenancy';
import { z } from 'zod';
import { name, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** A claim's value is compared whole, so it may be as long as an index entry. */
const value = z.string().min(1).max(1_024).refine(isStorableText);
const issuer = z.string().max(512).refine(isStorableText);
const hash = z.string().regex(/^[0-9a-fA-F]{64}$/, 'expected the SHA-256 of a key, in hex');
const id = z.string().min(1).max(64);

const FIELDS = {
  jwt_claim_name: name.min(1),
  jwt_claim_value: value,
  jwt_issuer: issuer.nullable().transform((text) => text ?? ''),
  key: name.min(1),
  token: hash,
  description: optionalName,
};

export const newMappingBody = {
  schema: z.object({
    jwt_claim_name: FIELDS.jwt_claim_name,
    jwt_claim_value: FIELDS.jwt_claim_value,
    jwt_issuer: FIELDS.jwt_issuer.optional(),
    key: FIELDS.key.optional(),
    token: FIELDS.token.optional(),
    description: FIELDS.description,
  }),
} satisfies BodyDefinition;
export type NewMappingBody = z.output<typeof newMappingBody.schema>;

export const mappingChangeBody = {
  schema: z.object({
    id,
    jwt_claim_name: FIELDS.jwt_claim_name.optional(),
    jwt_claim_value: FIELDS.jwt_claim_value.optional(),
    jwt_issuer: FIELDS.jwt_issuer.optional(),
    key: FIELDS.key.optional(),
    token: FIELDS.token.optional(),
    description: FIELDS.description,
    is_active: z.boolean().optional(),
  }),
} satisfies BodyDefinition;
export type MappingChangeBody = z.output<typeof mappingChangeBody.schema>;

export const mappingIdBody = { schema: z.object({ id }) } satisfies BodyDefinition;
export type MappingIdBody = z.output<typeof mappingIdBody.schema>;

export const mappingQuery = z.object({ id });
export const mappingListQuery = z.object({
  page: z.coerce.number().int().min(1).max(10_000_000).default(1),
  size: z.coerce.number().int().min(1).max(100).default(50),
});

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
