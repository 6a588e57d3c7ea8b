import type { ReceivedRequest } from '../harness/fake-provider.js';
import type { Stage } from './stage.js';
import { priceOf } from './catalogue.js';
import type { Heard } from './callers.js';

/** One row of the ledger, as far as books are compared. */
export interface Row {
  readonly id: string;
  readonly call: string;
  readonly flag: string;
  readonly status: string;
  readonly upstream: string;
  readonly group: string;
  readonly key: string | null;
  readonly user: string | null;
  readonly team: string | null;
  readonly organization: string | null;
  readonly customer: string | null;
  readonly tags: readonly string[];
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly cost: bigint;
  readonly parts: bigint;
  /** What was held for it. */
  readonly held: bigint;
  readonly endedAtMs: number;
  readonly charged: readonly { readonly type: string; readonly id: string; readonly budget: string }[];
}

/** What the ledger has of these calls, try by try. */
export async function rowsOf(stage: Stage, calls: readonly string[]): Promise<Map<string, Row[]>> {
  const rows = await stage.query<Record<string, string> & { tags: string[]; charged: Row['charged'] }>(
    `SELECT id, client_call_id AS call, flag, status, model AS upstream, model_group AS "group", key_id AS key, user_id AS user, team_id AS team,
       organization_id AS organization, customer_id AS customer, tags, input_tokens AS input, cache_read_tokens AS cached, output_tokens AS output,
       cost_nano AS cost, input_cost_nano + output_cost_nano AS parts, crash_charge_nano AS held, extract(epoch FROM ended_at) * 1000 AS "endedAtMs",
       (SELECT jsonb_agg(jsonb_build_object('type', c #> '{scope,type}', 'id', c #> '{scope,id}', 'budget', c -> 'budget')) FROM jsonb_array_elements(charges) c) AS charged
     FROM ledger_entries WHERE client_call_id = ANY($1) ORDER BY started_at, id`,
    [calls],
  );
  const made = rows.map((row) => ({
    ...row,
    ...{ input: Number(row['input']), cached: Number(row['cached']), output: Number(row['output']) },
    ...{ cost: BigInt(row['cost'] ?? 0), parts: BigInt(row['parts'] ?? 0), held: BigInt(row['held'] ?? 0) },
    endedAtMs: Number(row['endedAtMs']),
  })) as unknown as Row[];
  return Map.groupBy(made, ({ call }) => call);
}

/** The numbers of tries are at the end of the ids: `.2` comes before `.10`. */
function tryOf({ id }: Row): number {
  return Number(id.slice(id.lastIndexOf('.') + 1));
}

/** What does not add up about one call: the provider's bill for each try, the row of each try, and what the client was told. */
export function judgeRows(
  stage: Stage,
  heard: Heard,
  unsorted: readonly Row[],
  mayHaveCrashed: boolean,
): string[] {
  const problems: string[] = [];
  const { id, plan } = heard;
  const rows = unsorted.toSorted((a, b) => tryOf(a) - tryOf(b));
  const received = stage.received(id);
  const wrong = (what: string): void =>
    void problems.push(`${id} (${plan.model} ${plan.route}, ${heard.status}): ${what}`);
  // A try that was begun and never sent has a row; one that reached the provider must.
  if (rows.length < received.length)
    wrong(`${received.length} tries reached the provider, ${rows.length} rows`);
  if (heard.finished && rows.at(-1)?.status !== 'success')
    wrong(`finished, and its last row says ${rows.at(-1)?.status ?? 'nothing'}`);
  for (const row of rows) {
    const price = priceOf(row.upstream, row);
    const isFree = row.input === 0 && row.output === 0 && row.flag !== '';
    if (row.flag === 'crash') {
      if (!mayHaveCrashed) wrong('charged as a crash, and nothing crashed');
      if (row.cost !== row.held) wrong(`crashed, charged ${row.cost}, held ${row.held}`);
    } else if (row.cost !== (isFree ? 0n : price))
      wrong(
        `${row.upstream} for ${row.input}/${row.cached}/${row.output} costs ${price}, its row says ${row.cost} (${row.flag})`,
      );
    if (row.flag !== 'crash' && row.parts !== row.cost)
      wrong(`input and output cost ${row.parts}, together ${row.cost}`);
  }
  // Which rows were begun and never sent nobody can see: any choice that explains all the others will do.
  const readings = choices(rows, rows.length - received.length).map((sent) =>
    judgeTries(sent, heard, received),
  );
  const best = readings.reduce((one, other) => (other.length < one.length ? other : one), readings[0] ?? []);
  if (readings.length === 0)
    wrong(`${received.length} tries reached the provider, and ${rows.length} are booked as if they had`);
  for (const what of best) wrong(what);
  const told = heard.headers['x-litellm-response-cost'];
  const last = rows.at(-1);
  if (
    heard.finished &&
    !plan.stream &&
    last &&
    (told === undefined || BigInt(Math.round(Number(told) * 1e9)) !== last.cost)
  )
    wrong(`the client was told ${String(told)}, its row says ${last.cost}`);
  return problems;
}

/** The rows without so many that may never have been sent: the client had left, or the caller's rights had changed and everything was asked again. */
function choices(rows: readonly Row[], unsent: number): (readonly Row[])[] {
  if (unsent <= 0) return [rows];
  return rows.flatMap((row, at) =>
    mayBeUnsent(row)
      ? choices(rows.slice(at + 1), unsent - 1).map((rest) => [...rows.slice(0, at), ...rest])
      : [],
  );
}

/** Who leaves, or dies, between the record and the call pays what such an end costs, whether or not a byte of it arrived. */
function mayBeUnsent({ input, output, status, flag }: Row): boolean {
  return ['crash', 'cancelled'].includes(flag) || (input === 0 && output === 0 && status !== 'success');
}

/** The rows of tries that reached the provider, beside what it made of them. */
function judgeTries(sent: readonly Row[], heard: Heard, received: readonly ReceivedRequest[]): string[] {
  const problems: string[] = [];
  for (const [at, { outcome, billed }] of received.entries()) {
    const row = sent[at];
    if (row === undefined) continue;
    if (outcome === 'refused' && row.cost !== 0n)
      problems.push(`try ${at + 1} was refused by the provider and costs ${row.cost}`);
    if (
      outcome === 'finished' &&
      row.flag === '' &&
      (row.input !== billed.promptTokens || row.output !== billed.completionTokens)
    )
      problems.push(
        `try ${at + 1}: billed ${billed.promptTokens} and ${billed.completionTokens} tokens, booked ${row.input} and ${row.output}`,
      );
    const isLast = heard.finished && at === received.length - 1;
    if (outcome === 'finished' && isLast && !['', 'usage_missing', 'cut'].includes(row.flag))
      problems.push(`finished, flagged ${row.flag}`);
  }
  return problems;
}

/** A call as a person looks at it who has to find out what went wrong. */
export function describeCall(stage: Stage, { id, plan, status, text }: Heard, rows: readonly Row[]): string {
  const kept = rows.map(
    (row) =>
      `${row.id.slice(-3)} ${row.status} "${row.flag}" ${row.upstream} ${row.input}/${row.cached}/${row.output} = ${row.cost} of ${row.held}`,
  );
  const received = stage
    .received(id)
    .map(
      ({ outcome, billed, model, body }) =>
        `${model} ${outcome} ${billed.promptTokens}/${billed.completionTokens}, max ${/"max[a-z_]*":\d+/.exec(body.toString())?.[0]}, ${body.length} bytes`,
    );
  return `${id} ${plan.model} ${plan.route}${plan.stream ? ' streamed' : ''} ${status}: [${kept.join('; ')}] [${received.join('; ')}] ${status === 200 ? '' : text.slice(0, 200)}`;
}
