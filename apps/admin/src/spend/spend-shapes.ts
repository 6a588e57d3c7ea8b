import { z } from 'zod';

/** Shapes of answers for the documents: members that are always there; some answers have more. */
const dollars = z.number();
const count = z.int();

const logRow = z.looseObject({
  request_id: z.string(),
  call_type: z.string(),
  api_key: z.string(),
  spend: dollars,
  total_tokens: count,
  prompt_tokens: count,
  completion_tokens: count,
  startTime: z.string(),
  endTime: z.string(),
  request_duration_ms: z.number(),
  model: z.string(),
  model_group: z.string().nullable(),
  custom_llm_provider: z.string().nullable(),
  user: z.string(),
  end_user: z.string(),
  team_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  request_tags: z.array(z.string()),
  session_id: z.string().nullable(),
  status: z.string(),
  metadata: z.looseObject({}),
});
/** The key's hash is a member of the day's object, too. */
const logDay = z.looseObject({
  startTime: z.string(),
  spend: dollars,
  users: z.record(z.string(), dollars),
  models: z.record(z.string(), dollars),
});
export const logsShape = z.array(z.union([logRow, logDay]));
export const logPageShape = z.object({
  data: z.array(logRow),
  total: z.number(),
  page: z.number(),
  page_size: z.number(),
  total_pages: z.number(),
  total_is_capped: z.boolean().optional(),
  next_cursor: z.string().nullable().optional(),
});
export const promptShape = z.object({
  messages: z.unknown(),
  response: z.unknown(),
  proxy_server_request: z.unknown(),
});

export const keyRowsShape = z.array(
  z.object({
    token: z.string(),
    key_name: z.string().nullable(),
    key_alias: z.string().nullable(),
    spend: dollars,
    max_budget: dollars.nullable(),
    models: z.array(z.string()),
    user_id: z.string().nullable(),
    team_id: z.string().nullable(),
    organization_id: z.string().nullable(),
    created_at: z.string().nullable(),
  }),
);
export const userRowsShape = z.array(
  z.object({
    user_id: z.string(),
    user_email: z.string().nullable(),
    user_alias: z.string().nullable(),
    user_role: z.string().nullable(),
    spend: dollars,
    max_budget: dollars.nullable(),
    models: z.array(z.string()),
  }),
);
export const tagRowsShape = z.array(
  z.object({ individual_request_tag: z.string(), log_count: count, total_spend: dollars }),
);

const metrics = z.looseObject({
  spend: dollars,
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  api_requests: count,
  successful_requests: count,
  failed_requests: count,
});
const keyUse = z.looseObject({ metrics, metadata: z.looseObject({}) });
const uses = z.record(
  z.string(),
  z.looseObject({ metrics, metadata: z.looseObject({}), api_key_breakdown: z.record(z.string(), keyUse) }),
);
export const activityShape = z.object({
  results: z.array(
    z.looseObject({
      date: z.string(),
      metrics,
      breakdown: z.looseObject({
        models: uses,
        model_groups: uses,
        providers: uses,
        endpoints: uses,
        api_keys: z.record(z.string(), keyUse),
        entities: uses,
      }),
    }),
  ),
  metadata: z.looseObject({
    total_spend: dollars,
    total_tokens: count,
    total_api_requests: count,
    page: z.number(),
    total_pages: z.number(),
    has_more: z.boolean(),
  }),
});

const costs = { total_cost: dollars, total_input_tokens: count, total_output_tokens: count };
export const keyReportShape = z.array(
  z.object({
    api_key: z.string().nullable(),
    ...costs,
    model_details: z.array(z.object({ model: z.string(), ...costs })),
  }),
);
const reportRow = {
  total_spend: dollars,
  metadata: z.array(
    z.object({ model: z.string(), api_key: z.string().nullable(), spend: dollars, total_tokens: count }),
  ),
};
export const reportShape = z.union([
  z.array(
    z.object({
      group_by_day: z.string(),
      teams: z.array(z.object({ team_name: z.string(), ...reportRow })),
    }),
  ),
  z.array(
    z.object({
      group_by_day: z.string(),
      customers: z.array(z.object({ customer: z.string(), ...reportRow })),
    }),
  ),
  keyReportShape,
]);

export const daysOfSpendShape = z.array(z.object({ date: z.string(), spend: dollars }));
export const topKeysShape = z.array(
  z.object({
    api_key: z.string(),
    key_alias: z.string().nullable(),
    key_name: z.string().nullable(),
    total_spend: dollars,
  }),
);
export const topModelsShape = z.array(z.object({ model: z.string().nullable(), total_spend: dollars }));
/** Each day has a member for every team. */
export const teamDaysShape = z.object({
  daily_spend: z.array(z.looseObject({ date: z.string() })),
  teams: z.array(z.string()),
  total_spend_per_team: z.array(z.object({ team_id: z.string(), total_spend: dollars })),
});
export const topCustomersShape = z.array(
  z.object({ end_user: z.string().nullable(), total_count: count, total_spend: dollars }),
);
export const providersShape = z.array(z.object({ provider: z.string(), spend: dollars }));
export const tagSumsShape = z.object({
  spend_per_tag: z.array(z.object({ name: z.string(), spend: dollars, log_count: count })),
});
export const providerBudgetsShape = z.object({
  providers: z.record(
    z.string(),
    z.object({
      budget_limit: dollars,
      time_period: z.string().nullable(),
      spend: dollars,
      budget_reset_at: z.string().nullable(),
    }),
  ),
});

const chart = {
  daily_data: z.array(z.object({ date: z.string(), api_requests: count, total_tokens: count })),
  sum_api_requests: count,
  sum_total_tokens: count,
};
export const chartShape = z.object(chart);
export const modelChartsShape = z.array(z.object({ model: z.string().nullable(), ...chart }));
export const cacheChartShape = z.object({
  daily_data: z.array(z.object({ date: z.string(), cache_hits: count, total_requests: count })),
  sum_cache_hits: count,
  sum_api_requests: count,
});
const failures = {
  daily_data: z.array(z.object({ date: z.string(), num_rate_limit_exceptions: count })),
  sum_num_rate_limit_exceptions: count,
};
export const failureChartShape = z.object(failures);
export const failureChartsShape = z.array(z.object({ api_base: z.string(), ...failures }));
