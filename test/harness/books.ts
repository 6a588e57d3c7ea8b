import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { FakeProvider, ReceivedRequest } from './fake-provider.js';
import type { Seen } from './load.js';
import type { Product } from './product.js';

/** Prices that show in the last digit which kind of token was miscounted. */
export const NANO_PER_INPUT = 3_000;
export const NANO_PER_OUTPUT = 15_001;
export const PRICES = {
  input_cost_per_token: NANO_PER_INPUT / 1e9,
  output_cost_per_token: NANO_PER_OUTPUT / 1e9,
};

interface Entry {
  readonly id: string;
  readonly call: string | null;
  readonly key_hash: string | null;
  readonly cost: string;
  readonly crash: string;
  readonly flag: string;
  readonly status: string;
}

interface LogRow {
  readonly litellm_call_id: string;
  readonly spend: number;
  readonly status: string;
  readonly metadata: { readonly error_information: { readonly error_class: string } | null };
}

export interface Audit {
  /** Sentences about what does not add up; none is what a test wants. */
  readonly problems: string[];
  readonly entries: number;
  readonly finished: number;
  readonly crashCharged: number;
}

/** Where the embedded PostgreSQL of a product listens now. */
export function embeddedUrl(product: Product): string {
  const port = readFileSync(join(product.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3];
  const password = readFileSync(join(product.dataDir, 'postgres.password'), 'utf8').trim();
  return `postgres://tollgate:${password}@127.0.0.1:${port}/tollgate?sslmode=disable`;
}

export async function queryOnce<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The number a client gave its call, found again in what the provider received. */
export function callIdOf({ body }: ReceivedRequest): string | undefined {
  return /"content":"call ([^"]+)"/.exec(body.toString('utf8'))?.[1];
}

export function priceOf({ promptTokens, completionTokens }: ReceivedRequest['billed']): bigint {
  return BigInt(promptTokens * NANO_PER_INPUT + completionTokens * NANO_PER_OUTPUT);
}

/** What the client itself could work out from its answer, in nano-dollars. */
function priceSeen(seen: Seen): bigint | undefined {
  const header = seen.headers['x-litellm-response-cost'];
  if (typeof header === 'string') return BigInt(Math.round(Number(header) * 1e9));
  const usage = /"usage":\{"prompt_tokens":(\d+),"completion_tokens":(\d+)/.exec(seen.body);
  if (!usage) return undefined;
  return priceOf({ promptTokens: Number(usage[1]), completionTokens: Number(usage[2]) });
}

/**
 * Compares what clients saw, what the provider would bill, the spend log and the balances, after everything was drained.
 * Nothing may be missing, nothing be there twice, and every sum must be the sum of its parts to the nano-dollar.
 */
export async function audit(
  product: Product,
  provider: FakeProvider,
  seen: readonly Seen[],
  databaseUrl: string,
): Promise<Audit> {
  const problems: string[] = [];
  // Reading the log drains first, so it comes before the look at the tables.
  const logs = await readLogs(product);
  const entries = await queryOnce<Entry>(
    databaseUrl,
    `SELECT id, client_call_id AS call, key_hash, cost_nano AS cost, crash_charge_nano AS crash, flag, status
     FROM ledger_entries`,
  );
  const byCall = groupBy(entries, ({ call }) => call ?? '');
  const logsByCall = groupBy(logs, (row) => row.litellm_call_id);
  const billed = new Map(provider.requests.map((one) => [callIdOf(one), one]));
  const finished = seen.filter((one) => one.finished);
  for (const one of finished) {
    const [entry, ...more] = byCall.get(one.id) ?? [];
    const [row, ...moreRows] = logsByCall.get(one.id) ?? [];
    const due = billed.get(one.id);
    if (!entry || !row || !due || more.length > 0 || moreRows.length > 0) {
      problems.push(
        `${one.id} finished: ${more.length + (entry ? 1 : 0)} entries, ${moreRows.length + (row ? 1 : 0)} log rows`,
      );
      continue;
    }
    const price = priceOf(due.billed);
    if (BigInt(entry.cost) !== price) problems.push(`${one.id} costs ${price}, and ${entry.cost} was booked`);
    if (nano(row.spend) !== price) problems.push(`${one.id} costs ${price}, its log row says ${row.spend}`);
    const told = priceSeen(one);
    if (told !== undefined && told !== price)
      problems.push(`${one.id} costs ${price}, its client was told ${told}`);
    if (entry.flag !== '') problems.push(`${one.id} finished and is flagged ${entry.flag}`);
  }
  for (const [call] of billed)
    if (call !== undefined && (byCall.get(call) ?? []).length !== 1)
      problems.push(`${call} reached the provider, and has ${(byCall.get(call) ?? []).length} entries`);
  const crashed = entries.filter(({ flag }) => flag === 'crash');
  for (const { call, cost, crash, status } of crashed) {
    if (cost !== crash || BigInt(cost) <= 0n || status !== 'failure')
      problems.push(`${call} crashed: ${status}, charged ${cost} of ${crash}`);
    const due = billed.get(call ?? undefined);
    if (due && BigInt(cost) < priceOf(due.billed))
      problems.push(`${call} crashed: charged ${cost}, the provider bills ${priceOf(due.billed)}`);
    const row = logsByCall.get(call ?? '')?.[0];
    if (row?.metadata.error_information?.error_class !== 'crash')
      problems.push(`${call} crashed, and its log row does not say so`);
  }
  if (new Set(entries.map(({ id }) => id)).size !== entries.length) problems.push('an entry is there twice');
  if (logs.length !== Math.min(entries.length, 10_000))
    problems.push(`${logs.length} log rows for ${entries.length} entries`);
  problems.push(...(await auditBalances(databaseUrl)), ...(await auditKeys(product, entries)));
  return { problems, entries: entries.length, finished: finished.length, crashCharged: crashed.length };
}

/** Every balance is the sum of the entries charged to it, and no balance is missing. */
export async function auditBalances(databaseUrl: string): Promise<string[]> {
  const wrong = await queryOnce<{ what: string; settled: string; due: string }>(
    databaseUrl,
    `WITH due AS (
       SELECT c -> 'scope' ->> 'type' AS t, c -> 'scope' ->> 'id' AS i, c ->> 'budget' AS b, c ->> 'periodId' AS p,
              sum(cost_nano) AS nano, count(*) AS n
       FROM ledger_entries, jsonb_array_elements(charges) AS c GROUP BY 1, 2, 3, 4)
     SELECT concat_ws('/', coalesce(t, scope_type), coalesce(i, scope_id), coalesce(b, budget), coalesce(p, period_id)) AS what,
            concat(settled_nano, ' (', requests, ')') AS settled, concat(nano, ' (', n, ')') AS due
     FROM due FULL JOIN balances ON (t, i, b, p) = (scope_type, scope_id, budget, period_id)
     WHERE (settled_nano, requests) IS DISTINCT FROM (nano, n) AND coalesce(nano, settled_nano, 0) <> 0`,
  );
  return wrong.map(
    ({ what, settled, due }) => `the balance of ${what} is ${settled}, its entries are ${due}`,
  );
}

async function auditKeys(product: Product, entries: readonly Entry[]): Promise<string[]> {
  const problems: string[] = [];
  for (const [hash, own] of groupBy(entries, ({ key_hash }) => key_hash ?? '')) {
    if (hash === '') continue;
    const response = await product.request('GET', `/key/info?key=${hash}`);
    const { info } = (await response.json()) as { info?: { spend: number } };
    const sum = own.reduce((total, { cost }) => total + BigInt(cost), 0n);
    if (info === undefined || nano(info.spend) !== sum)
      problems.push(`key ${hash.slice(0, 8)} spent ${sum}, /key/info says ${info?.spend}`);
  }
  return problems;
}

async function readLogs(product: Product): Promise<LogRow[]> {
  const response = await product.request('GET', '/spend/logs');
  if (!response.ok) throw new Error(`/spend/logs answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as LogRow[];
}

function nano(usd: number): bigint {
  return BigInt(Math.round(usd * 1e9));
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
