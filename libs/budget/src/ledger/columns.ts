import { addToDailyActivity, DAILY_ACTIVITY_SOURCE } from '#libs/database';
import { balanceOrder } from './balance-order.js';

/** From so many entries on, batches queue for the sums. */
const LARGE_BATCH = 1_000;

/** Where a row has its charges. */
const CHARGES = 24;

/**
 * Columns of `ledger_entries` in the order they are inserted, and where each is in an entry's row (`spool/codec.ts`: the
 * begin record's members, then the end record's): name, index, and the expression over its text `?`.
 */
const COLUMNS: readonly (readonly [name: string, index: number, expression: string])[] = [
  ['day', 2, '?::date'],
  ['id', 0, '?'],
  ['request_id', 1, '?'],
  ['response_id', 44, '?'],
  ['client_call_id', 19, '?'],
  ['session_id', 20, '?'],
  ['started_at', 3, 'to_timestamp(?::float8 / 1000.0)'],
  ['ended_at', 26, 'to_timestamp(?::float8 / 1000.0)'],
  ['first_byte_at', 27, 'to_timestamp(?::float8 / 1000.0)'],
  ['endpoint', 4, '?'],
  ['stream', 12, "? = '1'"],
  ['status', 28, "CASE ? WHEN '1' THEN 'success' ELSE 'failure' END"],
  ['flag', 29, '?'],
  ['error_code', 42, '?'],
  ['error_message', 43, '?'],
  ['model_group', 7, '?'],
  ['model', 8, '?'],
  ['provider', 9, '?'],
  ['deployment_id', 10, '?'],
  ['api_base', 11, '?'],
  ['key_id', 13, '?'],
  ['key_hash', 14, '?'],
  ['user_id', 15, '?'],
  ['team_id', 16, '?'],
  ['organization_id', 17, '?'],
  ['customer_id', 18, '?'],
  ['tags', 23, 'ARRAY(SELECT jsonb_array_elements_text(e -> 23))'],
  ['requester_ip', 21, '?'],
  ['user_agent', 22, '?'],
  ['input_tokens', 30, '?::bigint'],
  ['output_tokens', 31, '?::bigint'],
  ['cache_read_tokens', 32, '?::bigint'],
  ['cache_write_tokens', 33, '?::bigint'],
  ['cache_write_hour_tokens', 34, '?::bigint'],
  ['reasoning_tokens', 35, '?::bigint'],
  ['input_audio_tokens', 36, '?::bigint'],
  ['output_audio_tokens', 37, '?::bigint'],
  ['usage_source', 38, "CASE ? WHEN '1' THEN 'provider' ELSE 'estimated' END"],
  ['cost_nano', 39, '?::bigint'],
  ['input_cost_nano', 40, '?::bigint'],
  ['output_cost_nano', 41, '?::bigint'],
  ['crash_charge_nano', 5, '?::bigint'],
  ['price_version', 6, '?'],
  ['charges', CHARGES, '$3::jsonb -> ?::int'],
];

/** Adds what the rows of `alike` say (charges, and what the calls that have them cost) to every balance that is charged, or takes it out. */
function addToBalances(alike: string, sign: 1 | -1): string {
  return `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano, requests, input_tokens, output_tokens)
SELECT c #>> '{scope,type}', c #>> '{scope,id}', c ->> 'budget', c ->> 'periodId',
  ${sign} * sum(cost_nano)::bigint, ${sign} * sum(requests)::bigint, ${sign} * sum(input_tokens)::bigint, ${sign} * sum(output_tokens)::bigint
FROM (${alike}) AS alike, jsonb_array_elements(charges) AS c
GROUP BY 1, 2, 3, 4
ORDER BY ${balanceOrder("(c #>> '{scope,type}')", "(c #>> '{scope,id}')", "(c ->> 'budget')", "(c ->> 'periodId')")}
ON CONFLICT (scope_type, scope_id, budget, period_id) DO UPDATE SET
  settled_nano = balances.settled_nano + excluded.settled_nano, requests = balances.requests + excluded.requests,
  input_tokens = balances.input_tokens + excluded.input_tokens, output_tokens = balances.output_tokens + excluded.output_tokens,
  updated_at = now()`;
}

/** One row for each list of charges. Nearly always all entries are new; only when they are not, each is looked for among those that were. */
const NEW_BY_CHARGES = `SELECT $3::jsonb -> listed::int AS charges, cost_nano, requests, input_tokens, output_tokens FROM (
SELECT e ->> ${CHARGES} AS listed, sum((e ->> 39)::bigint) AS cost_nano, count(*) AS requests,
  sum((e ->> 30)::bigint) AS input_tokens, sum((e ->> 31)::bigint) AS output_tokens
FROM given WHERE (SELECT count(*) FROM turn) >= 0 AND ((SELECT count(*) FROM fresh) = $2::int OR e ->> 0 IN (SELECT id FROM fresh))
GROUP BY 1) AS of_list`;

/**
 * Inserts entries given as one JSON array of rows ($1) with a number for their charges, which is their place among lists of charges ($3); adds those
 * that were not there yet to their balances and to the sums of their days, and says which those were, unless it is all of them ($2).
 * One statement, so that nothing travels twice. The rows are the bytes that were written to the spool.
 *
 * Large batches change nearly the same balances and days. They queue for them once, in the order they came, before they take the first row: sixteen that
 * wait at each of thousands of rows pass each other by, until one has waited for longer than a statement may take.
 */
export const INSERT_ENTRIES = `WITH given AS MATERIALIZED (
SELECT e FROM jsonb_array_elements($1::jsonb) AS e
), fresh AS (
INSERT INTO ledger_entries (${COLUMNS.map(([name]) => name).join(', ')})
SELECT ${COLUMNS.map(([, index, expression]) => expression.replace('?', () => `(e ->> ${index})`)).join(', ')}
FROM given
ON CONFLICT DO NOTHING RETURNING id, ${DAILY_ACTIVITY_SOURCE}
), turn AS MATERIALIZED (
SELECT pg_advisory_xact_lock(hashtextextended('tollgate.ledger-sums', 0)) FROM (SELECT count(*) AS n FROM fresh) AS stored
WHERE n >= ${LARGE_BATCH}
), balance AS (
${addToBalances(NEW_BY_CHARGES, 1)}
), daily AS (
${addToDailyActivity('(SELECT * FROM fresh WHERE (SELECT count(*) FROM turn) >= 0) AS counted')}
)
SELECT CASE WHEN count(*) < $2::int THEN coalesce(array_agg(id), '{}') END AS ids FROM fresh`;

/** Takes out those of the entries ($1) that are there as crashes, from their balances and days as well; says which. Never a crash by a crash. */
export const TAKE_OUT_CRASHES = `WITH fresh AS (
DELETE FROM ledger_entries AS l USING jsonb_array_elements($1::jsonb) AS e
WHERE l.day = (e ->> 2)::date AND l.id = e ->> 0 AND l.flag = 'crash' AND e ->> 29 <> 'crash'
RETURNING ${['id', 'charges', ...DAILY_ACTIVITY_SOURCE.split(', ')].map((name) => `l.${name}`).join(', ')}
), balance AS (
${addToBalances('SELECT charges, cost_nano, 1 AS requests, input_tokens, output_tokens FROM fresh', -1)}
), daily AS (
${addToDailyActivity('fresh', -1)}
)
SELECT array_agg(id) AS ids FROM fresh`;
