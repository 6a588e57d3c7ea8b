import { compareMeters } from './meters.js';
import type { Json, Stage } from './stage.js';

/** Sums of the ledger under one name. */
interface Sum {
  readonly nano: bigint;
  readonly calls: number;
  readonly successes: number;
  readonly input: number;
  readonly output: number;
}

type Sums = ReadonlyMap<string, Sum>;

const NOTHING: Sum = { nano: 0n, calls: 0, successes: 0, input: 0, output: 0 };
const COLUMNS = {
  // Under the secret it has now, whichever it was called with.
  key: `coalesce((SELECT token_hash FROM virtual_keys k WHERE k.id = key_id),
    (SELECT token_hash FROM archived_keys a WHERE a.id = key_id ORDER BY archive_id DESC LIMIT 1))`,
  user: 'user_id',
  team: 'team_id',
  organization: 'organization_id',
  customer: 'customer_id',
  model: 'model_group',
  upstream: 'model',
  provider: 'provider',
  endpoint: 'endpoint',
  day: "to_char(day, 'YYYY-MM-DD')",
} as const;
type Column = keyof typeof COLUMNS | 'tag' | 'all';

const NOUNS = {
  user: 'user_id',
  team: 'team_ids',
  organization: 'organization_ids',
  customer: 'end_user_ids',
  tag: 'tags',
} as const;
type Noun = keyof typeof NOUNS;

/** Names that are asked for one by one. */
const SOME = 6;

/** Every way an administrator can ask what was spent, beside the rows of the ledger: to the nano-dollar. */
export class Reports {
  readonly problems: string[] = [];
  #sums = new Map<Column, Sums>();

  constructor(private readonly stage: Stage) {}

  async compare(): Promise<readonly string[]> {
    await this.stage.settle();
    for (const column of [...(Object.keys(COLUMNS) as Column[]), 'tag' as const, 'all' as const])
      this.#sums.set(column, await this.#read(column));
    const days = [...this.#of('day').keys()].toSorted();
    const range = `start_date=${days[0]}&end_date=${days.at(-1)}`;
    await this.#overviews(range);
    await this.#rankings();
    await this.#reports(range);
    for (const noun of Object.keys(NOUNS) as Noun[]) await this.#activity(noun, range);
    await this.#logs(range);
    await this.#charts(range);
    if (this.stage.isUnbroken)
      this.problems.push(
        ...(await compareMeters(this.stage.products, (column, name) => this.#sum(column, name))),
      );
    return this.problems;
  }

  async #overviews(range: string): Promise<void> {
    const get = (path: string): Promise<Json> => this.stage.admin('GET', path);
    const all = this.#all();
    this.#same('/global/spend', (await get('/global/spend'))['spend'], all.nano);
    this.#sameList(
      '/global/spend/logs',
      (await get('/global/spend/logs')) as unknown as Json[],
      'date',
      'spend',
      'day',
    );
    for (const hash of this.#some('key')) {
      const days = (await get(`/global/spend/logs?api_key=${hash}`)) as unknown as Json[];
      this.#same(`/global/spend/logs of ${hash}`, sumOf(days, 'spend'), this.#sum('key', hash).nano);
    }
    this.#sameList(
      '/global/spend/keys',
      (await get('/global/spend/keys?limit=1000')) as unknown as Json[],
      'api_key',
      'total_spend',
      'key',
    );
    this.#sameList(
      '/global/spend/models',
      (await get('/global/spend/models?limit=1000')) as unknown as Json[],
      'model',
      'total_spend',
      'model',
    );
    this.#sameList(
      '/global/spend/provider',
      (await get(`/global/spend/provider?${range}`)) as unknown as Json[],
      'provider',
      'spend',
      'provider',
    );
    const { spend_per_tag } = await get(`/global/spend/tags?${range}`);
    this.#sameList('/global/spend/tags', spend_per_tag, 'name', 'spend', 'tag');
    this.#sameList(
      '/spend/tags',
      (await get('/spend/tags')) as unknown as Json[],
      'individual_request_tag',
      'total_spend',
      'tag',
    );
    const customers = await this.stage.admin('POST', '/global/spend/end_users', {});
    this.#sameList(
      '/global/spend/end_users',
      customers as unknown as Json[],
      'end_user',
      'total_spend',
      'customer',
    );
    const { providers } = await get('/provider/budgets');
    for (const [name, { spend }] of Object.entries<Json>(providers))
      this.#same(`/provider/budgets of ${name}`, spend, this.#sum('provider', name).nano);
    const teams = await get('/global/spend/teams');
    const daily = (teams['daily_spend'] as Json[]).reduce(
      (sum, { date: _, ...rest }) => sum + Object.values(rest).reduce((a: bigint, b) => a + nanoOf(b), 0n),
      0n,
    );
    const perTeam = (teams['total_spend_per_team'] as Json[]).reduce(
      (sum, { total_spend }) => sum + nanoOf(total_spend),
      0n,
    );
    if (daily !== perTeam)
      this.problems.push(`/global/spend/teams: ${daily} day by day, ${perTeam} team by team`);
    const assigned = [...this.#of('team')].reduce(
      (sum, [name, { nano }]) => sum + (name === '' ? 0n : nano),
      0n,
    );
    const told =
      perTeam -
      nanoOf(
        (teams['total_spend_per_team'] as Json[]).find(({ team_id }) => team_id === 'Unassigned')?.[
          'total_spend'
        ] ?? 0,
      );
    if (told !== assigned)
      this.problems.push(`/global/spend/teams: ${told} of teams, the ledger has ${assigned}`);
  }

  /** What scopes spent in their life, less what somebody set back. */
  async #rankings(): Promise<void> {
    const rows = await this.stage.query<{ type: string; id: string; nano: string }>(
      `SELECT scope_type AS type, scope_id AS id, sum(delta_nano) AS nano FROM spend_adjustments WHERE budget = 'total' GROUP BY 1, 2`,
    );
    const ids = await this.stage.query<{ id: string; hash: string }>(
      'SELECT id, token_hash AS hash FROM virtual_keys',
    );
    const set = new Map(rows.map(({ type, id, nano }) => [`${type}/${id}`, BigInt(nano)]));
    const idOf = new Map(ids.map(({ id, hash }) => [hash, id]));
    const spentBy = await this.stage.query<{ id: string; nano: string }>(
      'SELECT key_id AS id, sum(cost_nano) AS nano FROM ledger_entries GROUP BY 1',
    );
    const spent = new Map(spentBy.map(({ id, nano }) => [id, BigInt(nano)]));
    for (const { token, spend } of (await this.stage.admin('GET', '/spend/keys')) as unknown as Json[]) {
      const id = idOf.get(token) ?? '';
      this.#same(`/spend/keys of ${token}`, spend, (spent.get(id) ?? 0n) + (set.get(`key/${id}`) ?? 0n));
    }
    for (const { user_id, spend } of (await this.stage.admin('GET', '/spend/users')) as unknown as Json[])
      this.#same(
        `/spend/users of ${user_id}`,
        spend,
        this.#sum('user', user_id).nano + (set.get(`user/${user_id}`) ?? 0n),
      );
  }

  async #reports(range: string): Promise<void> {
    const get = (path: string): Promise<Json[]> =>
      this.stage.admin('GET', path) as Promise<Json> as Promise<Json[]>;
    const byKey = await get(`/global/spend/report?${range}&group_by=api_key`);
    for (const { api_key, total_cost, model_details } of byKey) {
      this.#same(
        `/global/spend/report of ${api_key}`,
        sumOf(model_details, 'total_cost'),
        nanoOf(total_cost),
      );
    }
    for (const [noun, name, plural] of [
      ['team', 'team_name', 'teams'],
      ['customer', 'customer', 'customers'],
    ] as const) {
      const days = await get(`/global/spend/report?${range}&group_by=${noun}`);
      const sums = new Map<string, bigint>();
      for (const day of days)
        for (const one of day[plural] as Json[])
          sums.set(one[name], (sums.get(one[name]) ?? 0n) + nanoOf(one['total_spend']));
      if (noun === 'customer')
        for (const [id, nano] of sums)
          if (this.#of('customer').has(id))
            this.#sameNano(`/global/spend/report of customer ${id}`, nano, this.#sum('customer', id).nano);
    }
    for (const hash of this.#some('key'))
      this.#same(
        `/key/spend/report of ${hash}`,
        sumOf(await get(`/key/spend/report?${range}&api_key=${hash}`), 'total_cost'),
        this.#sum('key', hash).nano,
      );
    for (const id of this.#some('user'))
      this.#same(
        `/user/spend/report of ${id}`,
        sumOf(await get(`/user/spend/report?${range}&internal_user_id=${id}`), 'total_cost'),
        this.#sum('user', id).nano,
      );
    for (const id of this.#some('team')) {
      this.#same(
        `/team/spend/report of ${id}`,
        sumOf(await get(`/team/spend/report?${range}&team_id=${id}`), 'total_cost'),
        this.#sum('team', id).nano,
      );
      const { results } = (await this.stage.admin('GET', `/team/spend/by_user?${range}&team_ids=${id}`)) as {
        results: Json[];
      };
      this.#same(`/team/spend/by_user of ${id}`, sumOf(results, 'spend'), this.#sum('team', id).nano);
    }
    for (const id of this.#some('organization'))
      this.#same(
        `/organization/spend/report of ${id}`,
        sumOf(await get(`/organization/spend/report?${range}&organization_id=${id}`), 'total_cost'),
        this.#sum('organization', id).nano,
      );
  }

  async #activity(noun: Noun, range: string): Promise<void> {
    for (const id of [undefined, ...this.#some(noun)]) {
      const due = id !== undefined ? this.#sum(noun, id) : noun === 'user' ? this.#all() : undefined;
      for (const whole of ['', '/aggregated']) {
        const path = `/${noun}/daily/activity${whole}?${range}&api_key_limit=1000${id === undefined ? '' : `&${NOUNS[noun]}=${id}`}`;
        const { results, metadata } = (await this.stage.admin('GET', path)) as {
          results: Json[];
          metadata: Json;
        };
        if (due) {
          this.#sameMetrics(path, metadata, 'total_', due);
        }
        const total = nanoOf(metadata['total_spend']);
        for (const part of ['models', 'model_groups', 'providers', 'endpoints'])
          this.#sameNano(`${path}, ${part}`, partsOf(results, part), total);
        if (id !== undefined) this.#sameNano(`${path}, entities`, entityOf(results, id), total);
        if (id !== undefined) this.#sameNano(`${path}, api_keys`, partsOf(results, 'api_keys'), total);
      }
    }
  }

  async #logs(range: string): Promise<void> {
    const all = this.#all();
    let spent = 0n;
    let count = 0;
    for (let page = 1; ; page += 1) {
      const query = `start_date=${encodeURIComponent('2000-01-01 00:00:00')}&end_date=${encodeURIComponent('2100-01-01 00:00:00')}&page=${page}&page_size=100`;
      const { data, total_pages } = await this.stage.admin('GET', `/spend/logs/v2?${query}`);
      for (const { spend, metadata } of data as Json[]) {
        spent += nanoOf(spend);
        count += 1;
        const { input_cost, output_cost, total_cost } = metadata['cost_breakdown'];
        if (
          nanoOf(input_cost) + nanoOf(output_cost) !== nanoOf(total_cost) ||
          nanoOf(total_cost) !== nanoOf(spend)
        )
          this.problems.push(`/spend/logs/v2: ${JSON.stringify(metadata['cost_breakdown'])} of ${spend}`);
      }
      if (page >= total_pages) break;
    }
    this.#sameNano('/spend/logs/v2', spent, all.nano);
    if (count !== all.calls) this.problems.push(`/spend/logs/v2 lists ${count} calls of ${all.calls}`);
    const until = new Date(Date.parse(`${range.slice(-10)}T00:00:00Z`) + 86_400_000)
      .toISOString()
      .slice(0, 10);
    const days = (await this.stage.admin(
      'GET',
      `/spend/logs?start_date=${range.slice(11, 21)}&end_date=${until}`,
    )) as unknown as Json[];
    this.#sameNano(
      '/spend/logs by day',
      days.reduce((sum, { spend }) => sum + nanoOf(spend), 0n),
      all.nano,
    );
    const models = days.flatMap(({ models: each }) => Object.values<number>(each));
    this.#sameNano(
      '/spend/logs by day, models',
      models.reduce((sum, each) => sum + nanoOf(each), 0n),
      all.nano,
    );
  }

  async #charts(range: string): Promise<void> {
    const all = this.#all();
    const chart = await this.stage.admin('GET', `/global/activity?${range}`);
    if (chart['sum_api_requests'] !== all.calls || chart['sum_total_tokens'] !== all.input + all.output)
      this.problems.push(
        `/global/activity: ${chart['sum_api_requests']} calls and ${chart['sum_total_tokens']} tokens, the ledger has ${all.calls} and ${all.input + all.output}`,
      );
    const models = (await this.stage.admin('GET', `/global/activity/model?${range}`)) as unknown as Json[];
    for (const { model, sum_api_requests } of models)
      if (sum_api_requests !== this.#sum('model', model).calls)
        this.problems.push(
          `/global/activity/model of ${model}: ${sum_api_requests}, the ledger has ${this.#sum('model', model).calls}`,
        );
  }

  async #read(column: Column): Promise<Sums> {
    const expression = column === 'tag' ? 'tag' : column === 'all' ? "'all'" : COLUMNS[column];
    const rows = await this.stage.query<Record<string, string>>(
      `SELECT coalesce(${expression}, '') AS name, sum(cost_nano) AS nano, count(*) AS calls, count(*) FILTER (WHERE status = 'success') AS successes,
         sum(input_tokens) AS input, sum(output_tokens) AS output
       FROM ledger_entries${column === 'tag' ? ', unnest(tags) AS tag' : ''} GROUP BY 1`,
    );
    return new Map(
      rows.map((row) => [
        row['name'] ?? '',
        {
          nano: BigInt(row['nano'] ?? 0),
          ...{ calls: Number(row['calls']), successes: Number(row['successes']) },
          ...{ input: Number(row['input']), output: Number(row['output']) },
        },
      ]),
    );
  }

  #of(column: Column): Sums {
    return this.#sums.get(column) ?? new Map<string, Sum>();
  }

  #all(): Sum {
    return this.#sum('all', 'all');
  }

  #sum(column: Column, name: string): Sum {
    return this.#of(column).get(name) ?? NOTHING;
  }

  #some(column: Column): string[] {
    return [...this.#of(column).keys()]
      .filter((name) => name !== '')
      .toSorted()
      .slice(-SOME);
  }

  #same(what: string, told: unknown, due: bigint): void {
    this.#sameNano(what, typeof told === 'bigint' ? told : nanoOf(told), due);
  }

  #sameNano(what: string, told: bigint, due: bigint): void {
    if (told !== due) this.problems.push(`${what}: ${told}, the ledger has ${due}`);
  }

  #sameMetrics(what: string, told: Json, prefix: string, due: Sum): void {
    const pairs: [string, number][] = [
      ['prompt_tokens', due.input],
      ['completion_tokens', due.output],
      ['api_requests', due.calls],
      ['successful_requests', due.successes],
      ['failed_requests', due.calls - due.successes],
    ];
    this.#same(what, told[`${prefix}spend`], due.nano);
    for (const [name, count] of pairs)
      if (told[`${prefix}${name}`] !== count)
        this.problems.push(`${what}: ${name} ${told[`${prefix}${name}`]}, the ledger has ${count}`);
  }

  /** Whoever is in the list must stand there with what the ledger has; a list may end where nobody reads on. */
  #sameList(what: string, told: readonly Json[], name: string, amount: string, column: Column): void {
    for (const one of told) {
      if (one[name] === null || one[name] === '') continue;
      this.#same(`${what} of ${one[name]}`, one[amount], this.#sum(column, one[name]).nano);
    }
    const spenders = [...this.#of(column)].filter(([key, { nano }]) => key !== '' && nano > 0n).length;
    if (told.length < Math.min(spenders, 100) && column !== 'key')
      this.problems.push(`${what} lists ${told.length} of ${spenders}`);
  }
}

export function nanoOf(usd: unknown): bigint {
  if (typeof usd !== 'number') throw new Error(`not an amount: ${JSON.stringify(usd)}`);
  return BigInt(Math.round(usd * 1e9));
}

function sumOf(rows: readonly Json[], name: string): bigint {
  return rows.reduce((sum, row) => sum + nanoOf(row[name]), 0n);
}

function partsOf(days: readonly Json[], part: string): bigint {
  const all = days.flatMap(({ breakdown }) => Object.values<Json>(breakdown[part]));
  return all.reduce((sum, { metrics }) => sum + nanoOf(metrics.spend), 0n);
}

function entityOf(days: readonly Json[], id: string): bigint {
  return days.reduce((sum, { breakdown }) => sum + nanoOf(breakdown.entities[id]?.metrics.spend ?? 0), 0n);
}
