import { z } from 'zod';
import { name, openMap, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const values = openMap.nullable().optional();
const info = openMap
  .nullable()
  .transform((facts) => facts ?? {})
  .optional();

export const newCredentialBody = {
  schema: z
    .object({
      credential_name: name.min(1),
      display_name: optionalName,
      credential_values: values,
      model_id: optionalName,
      credential_info: info,
    })
    .refine((body) => !body.credential_values !== !body.model_id, {
      path: ['credential_values'],
      message: 'send either credential_values or model_id',
    }),
} as const satisfies BodyDefinition;
export type NewCredentialBody = z.output<typeof newCredentialBody.schema>;

export const credentialChangeBody = {
  schema: z.object({
    credential_name: name.optional(),
    display_name: optionalName,
    credential_values: values,
    credential_info: info,
    credential_values_to_delete: z.array(name).max(100).nullable().optional(),
  }),
  notBuilt: ['model_id'],
} as const satisfies BodyDefinition;
export type CredentialChangeBody = z.output<typeof credentialChangeBody.schema>;
