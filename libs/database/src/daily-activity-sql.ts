/** Columns of ledger entries that the daily rows are made of. */
export const DAILY_ACTIVITY_SOURCE =
  'day, started_at, ended_at, endpoint, status, model_group, model, provider, key_id, user_id, team_id, organization_id, customer_id, tags, ' +
  'input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_hour_tokens, cost_nano';

const OWNERS = 'key_id, user_id, team_id, organization_id, customer_id, tags';
const MODEL = 'model_group, model, provider, endpoint';
const SUMS =
  'requests, successes, spend_nano, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, response_ms';
const NOBODY = 'NULL::text, NULL::text';

/**
 * The statement that adds entries, rows of `source` with the columns above, to the days they belong to. Entries are first
 * summed by everything they have, so that a batch of similar calls is multiplied by its facets only once. Rows are taken in
 * one order everywhere: two writers cannot wait for each other.
 */
export function addToDailyActivity(source: string): string {
  return `INSERT INTO daily_activity (day, row_id, facet, ${OWNERS}, ${MODEL}, ${SUMS})
SELECT day, md5(ROW(facet, ${OWNERS}, ${MODEL})::text)::uuid AS row_id, facet, ${OWNERS}, ${MODEL},
  sum(requests), sum(successes), sum(spend_nano), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens), sum(response_ms)
FROM (
  SELECT day, ${OWNERS}, ${MODEL}, count(*) AS requests, count(*) FILTER (WHERE status = 'success') AS successes,
    sum(cost_nano) AS spend_nano, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens + cache_write_hour_tokens) AS cache_write_tokens,
    coalesce(sum(extract(epoch FROM ended_at - started_at) * 1000) FILTER (WHERE status = 'success'), 0)::bigint AS response_ms
  FROM ${source} GROUP BY day, ${OWNERS}, ${MODEL}
) AS g (day, k, u, t, o, c, g, ${MODEL}, ${SUMS})
CROSS JOIN LATERAL (VALUES
  ('key', k, u, t, o, NULL::text, '{}'::text[]),
  ('customer', k, u, t, o, c, '{}'),
  ('tags', k, u, t, o, NULL, g),
  ('team', ${NOBODY}, t, o, NULL, '{}'),
  ('organization', ${NOBODY}, NULL, o, NULL, '{}'),
  ('proxy', ${NOBODY}, NULL, NULL, NULL, '{}')
) AS f (facet, ${OWNERS})
WHERE CASE facet WHEN 'customer' THEN customer_id IS NOT NULL WHEN 'tags' THEN tags <> '{}' WHEN 'team' THEN team_id IS NOT NULL
  WHEN 'organization' THEN organization_id IS NOT NULL ELSE true END
GROUP BY day, facet, ${OWNERS}, ${MODEL}
ORDER BY day, row_id
ON CONFLICT (day, row_id) DO UPDATE SET ${SUMS.split(', ')
    .map((column) => `${column} = daily_activity.${column} + excluded.${column}`)
    .join(', ')}`;
}
