/** Columns of ledger entries that the daily rows are made of. */
export const DAILY_ACTIVITY_SOURCE =
  'day, started_at, ended_at, endpoint, status, model_group, model, provider, key_id, user_id, team_id, organization_id, customer_id, tags, ' +
  'input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_hour_tokens, cost_nano';

const OWNERS = ['key_id', 'user_id', 'team_id', 'organization_id', 'customer_id', 'tags'];
const MODEL = 'model_group, model, provider, endpoint';
const SUMS = [
  'requests',
  'successes',
  'spend_nano',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'response_ms',
];
const ADDED_UP = SUMS.map((column) => `sum(${column})::bigint AS ${column}`).join(', ');

const MODEL_COLUMNS = MODEL.split(', ');
const CALLERS = OWNERS.slice(0, 4);

/** Rows with tags, once for each of their tags. */
const ONE_BY_ONE = `(SELECT day, organization_id, ARRAY[tag] AS tags, ${MODEL}, ${SUMS.join(', ')}
  FROM of_tags, LATERAL (SELECT DISTINCT unnest(of_tags.tags) AS tag) AS one) AS of_tag`;

/** The rows of one facet: `source` summed by the owners, and by the models, that the facet tells apart. */
function facet(
  name: string,
  source: string,
  owners: readonly string[],
  where = 'true',
  models: readonly string[] = MODEL_COLUMNS,
): string {
  const columns = OWNERS.map((column) =>
    owners.includes(column) ? column : `${column === 'tags' ? `'{}'::text[]` : 'NULL::text'} AS ${column}`,
  );
  const named = MODEL_COLUMNS.map((column) => (models.includes(column) ? column : `'' AS ${column}`));
  return `SELECT '${name}' AS facet, day, ${columns.join(', ')}, ${named.join(', ')}, ${ADDED_UP} FROM ${source} WHERE ${where}
  GROUP BY ${['day', ...owners, ...models].join(', ')}`;
}

/** Facets that migration 20 brought, each with where it is summed from. */
const OF_TEAMS_AND_TAGS = `of_organization_teams AS (${facet('organization_teams', 'of_teams', ['organization_id'], 'team_id IS NOT NULL')}),
of_organization_tagged AS (${facet('organization_tagged', ONE_BY_ONE, ['organization_id', 'tags'])}),
of_organization_tagging AS (${facet('organization_tagging', 'of_tags', ['organization_id'])})`;
const THEIR_ROWS = `SELECT * FROM of_organization_teams WHERE organization_id IS NOT NULL
  UNION ALL SELECT * FROM of_organization_tagged WHERE organization_id IS NOT NULL
  UNION ALL SELECT * FROM of_organization_tagging WHERE organization_id IS NOT NULL
  UNION ALL ${facet('team_days', 'of_teams', ['team_id', 'organization_id'], 'team_id IS NOT NULL', [])}
  UNION ALL ${facet('teams', 'of_organization_teams', [])}`;

/** What a customer did on a day, whoever called for it and whatever the model. */
const CUSTOMER_DAYS = facet('customer_days', 'of_customers', ['customer_id'], 'true', []);

/** What the drain's statement finds a row by. Until migration 21 the table had no parts, and only the last two. */
const NAMED_BY = 'facet, day, row_id';
export const NAMED_BEFORE_PARTS = 'day, row_id';

/** Facets that have one row for all calls of a model, so that every batch writes it. */
const OF_EVERY_CALL = "'proxy', 'tagging', 'customers', 'teams'";

/**
 * The order in which rows of a day and facet are taken everywhere, that of their bytes whatever the database's language: two writers cannot wait for
 * each other. Rows of one team stand together, and those of one key in it, and so are read together.
 */
export const ORDER_OF_ROWS =
  ['organization_id', 'team_id', 'key_id'].map((column) => `${column} COLLATE "C"`).join(', ') + ', row_id';

/** Adds rows of `of_all` to the table. What every call counts in comes last, and so is held shortest. */
const INTO_DAYS = `INSERT INTO daily_activity (day, row_id, facet, ${OWNERS.join(', ')}, ${MODEL}, ${SUMS.join(', ')})`;
const fromAll = (
  namedBy: string,
): string => `SELECT day, md5(ROW(facet, ${OWNERS.join(', ')}, ${MODEL})::text)::uuid AS row_id, facet, ${OWNERS.join(', ')}, ${MODEL}, ${SUMS.join(', ')}
FROM of_all
ORDER BY facet IN (${OF_EVERY_CALL}), day, facet COLLATE "C", ${ORDER_OF_ROWS}
ON CONFLICT (${namedBy}) DO UPDATE SET ${SUMS.map((column) => `${column} = daily_activity.${column} + excluded.${column}`).join(', ')}`;

/**
 * The statement that adds entries (or takes them out: `sign`), rows of `source` with the columns above, to the days they belong to. It follows a
 * `WITH` or stands alone. Entries are summed by key first and each coarser facet from the finer one, so that a batch is
 * read once.
 */
export function addToDailyActivity(source: string, sign: 1 | -1 = 1, namedBy: string = NAMED_BY): string {
  const entries = `(SELECT day, ${OWNERS.join(', ')}, ${MODEL}, ${sign} AS requests, CASE status WHEN 'success' THEN ${sign} ELSE 0 END AS successes,
    ${sign} * cost_nano AS spend_nano, ${sign} * input_tokens AS input_tokens, ${sign} * output_tokens AS output_tokens,
    ${sign} * cache_read_tokens AS cache_read_tokens, ${sign} * (cache_write_tokens + cache_write_hour_tokens) AS cache_write_tokens,
    CASE status WHEN 'success' THEN ${sign} * (extract(epoch FROM ended_at - started_at) * 1000)::bigint ELSE 0 END AS response_ms FROM ${source}) AS e`;
  return `${INTO_DAYS}
WITH of_keys AS (${facet('key', entries, CALLERS)}),
of_teams AS (${facet('team', 'of_keys', ['team_id', 'organization_id'])}),
of_organizations AS (${facet('organization', 'of_teams', ['organization_id'])}),
of_customers AS (${facet('customer', entries, [...CALLERS, 'customer_id'], 'customer_id IS NOT NULL')}),
of_tags AS (${facet('tags', entries, [...CALLERS, 'tags'], `tags <> '{}'`)}),
${OF_TEAMS_AND_TAGS},
of_all AS (
  SELECT * FROM of_keys
  UNION ALL SELECT * FROM of_customers
  UNION ALL SELECT * FROM of_tags
  UNION ALL SELECT * FROM of_teams WHERE team_id IS NOT NULL
  UNION ALL SELECT * FROM of_organizations WHERE organization_id IS NOT NULL
  UNION ALL ${facet('proxy', 'of_organizations', [])}
  UNION ALL ${facet('customers', 'of_customers', [])}
  UNION ALL ${CUSTOMER_DAYS}
  UNION ALL ${facet('tagged', 'of_organization_tagged', ['tags'])}
  UNION ALL ${facet('tagging', 'of_organization_tagging', [])}
  UNION ALL ${THEIR_ROWS}
)
${fromAll(namedBy)}`;
}

/**
 * Adds the facets that migration 20 brought from the rows that were there before it, which live longer than the calls. Only for a
 * table that has none of them yet: what it adds, it adds again.
 */
export const ADD_TEAM_AND_TAG_SUMS = `${INTO_DAYS}
WITH of_teams AS (SELECT * FROM daily_activity WHERE facet = 'team'),
of_tags AS (SELECT * FROM daily_activity WHERE facet = 'tags'),
${OF_TEAMS_AND_TAGS},
of_all AS (${THEIR_ROWS})
${fromAll(NAMED_BEFORE_PARTS)}`;

/** The same for what migration 21 brought. */
export const ADD_CUSTOMER_DAYS = `${INTO_DAYS}
WITH of_customers AS (SELECT * FROM daily_activity WHERE facet = 'customer'),
of_all AS (${CUSTOMER_DAYS})
${fromAll(NAMED_BY)}`;
