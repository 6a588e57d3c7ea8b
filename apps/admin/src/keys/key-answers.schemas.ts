import { z } from 'zod';

/** Answers of the key routes, as the OpenAPI document tells of them. They describe; `KeyAnswers` makes them. */
export const KEY_ROW = z.looseObject({
  key: z.string().optional(),
  token: z.string(),
  key_name: z.string(),
  key_alias: z.string().nullable(),
  spend: z.number(),
  max_budget: z.number().nullable(),
  models: z.array(z.string()),
  blocked: z.boolean(),
});

export const ISSUED_KEY = z.looseObject({
  key: z.string(),
  token: z.string(),
  token_id: z.string(),
  key_name: z.string(),
  key_alias: z.string().nullable(),
  expires: z.string().nullable(),
  user_id: z.string().nullable(),
  team_id: z.string().nullable(),
  max_budget: z.number().nullable(),
});

export const DELETED_KEYS = z.object({ deleted_keys: z.array(z.string()) });

export const RESET_SPEND = z.object({
  key_hash: z.string(),
  spend: z.number(),
  previous_spend: z.number(),
  max_budget: z.number().nullable(),
  budget_reset_at: z.string().nullable(),
});

export const KEY_INFO = z.looseObject({ key: z.string(), info: z.looseObject({}) });

export const KEY_INFOS = z.object({ key: z.array(z.string()), info: z.array(z.looseObject({})) });

export const KEY_PAGE = z.object({
  keys: z.array(z.union([z.string(), z.looseObject({})])),
  total_count: z.number(),
  current_page: z.number(),
  total_pages: z.number(),
});

export const ALIAS_PAGE = z.object({
  aliases: z.array(z.string()),
  total_count: z.number(),
  current_page: z.number(),
  total_pages: z.number(),
  size: z.number(),
});

export const KEY_HEALTH = z.object({
  key: z.enum(['healthy', 'unhealthy']),
  logging_callbacks: z
    .object({ callbacks: z.array(z.string()), status: z.enum(['healthy', 'unhealthy']), details: z.string() })
    .nullable(),
});

export const BULK_UPDATE = z.object({
  total_requested: z.number(),
  successful_updates: z.array(z.object({ key: z.string(), key_info: z.looseObject({}) })),
  failed_updates: z.array(
    z.object({ key: z.string(), key_info: z.looseObject({}).nullable(), failed_reason: z.string() }),
  ),
});

export const BLOCKED_COUNT = z.object({ blocked: z.number() });
