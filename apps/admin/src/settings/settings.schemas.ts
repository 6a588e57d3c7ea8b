import type { OverridableSection, SettingOverride } from '#libs/config';
import { z } from 'zod';
import { name, openMap } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const section = openMap.nullable().optional();

export const configBody = {
  schema: z.object({
    environment_variables: section,
    litellm_settings: section,
    general_settings: section,
    router_settings: section,
  }),
  refused: new Map([['model_list', "'model_list' is not taken here: add models with /model/new."]]),
} as const satisfies BodyDefinition;
export type ConfigBody = z.output<typeof configBody.schema>;

export function toOverrides(body: ConfigBody): SettingOverride[] {
  return Object.entries(body).flatMap(([sectionName, settings]) =>
    Object.entries(settings ?? {})
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([field, value]) => ({ section: sectionName as OverridableSection, field, value })),
  );
}

const sections = ['general_settings', 'litellm_settings', 'router_settings'] as const;
const configType = z.enum(sections).default('general_settings');

export const fieldBody = {
  schema: z.object({ field_name: name.min(1), field_value: z.unknown(), config_type: configType }),
} as const satisfies BodyDefinition;
export type FieldBody = z.output<typeof fieldBody.schema>;

export const fieldNameBody = {
  schema: z.object({ field_name: name.min(1), config_type: configType }),
} as const satisfies BodyDefinition;
export type FieldNameBody = z.output<typeof fieldNameBody.schema>;

export const fieldQuery = z.object({ field_name: name.min(1), config_type: configType });
export type FieldQuery = z.output<typeof fieldQuery>;

export const listQuery = z.object({ config_type: configType });
export type SettingListQuery = z.output<typeof listQuery>;

export const callbackBody = {
  schema: z.object({ callback_name: name.min(1) }),
} as const satisfies BodyDefinition;
export type CallbackBody = z.output<typeof callbackBody.schema>;

export const addressBody = { schema: z.object({ ip: name.min(1) }) } as const satisfies BodyDefinition;
export type AddressBody = z.output<typeof addressBody.schema>;
