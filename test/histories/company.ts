import { hash } from 'node:crypto';
import { dollars, fields, STEP, within } from './amounts.js';
import type { Cast, Change, Rules, Target } from './script.js';
import type { Json, Stage } from './stage.js';

/** One budget of a scope: what it may have spent, as the company believes it to be now. */
export interface Budget {
  /** `main`, or the duration of a window. */
  readonly name: string;
  cap: bigint;
}

export interface Scope {
  readonly type: string;
  readonly id: string;
  budgets: Budget[];
  rpm?: number | undefined;
  parallel?: number | undefined;
}

export interface Key {
  secret: string;
  hash: string;
  id: string;
  team: number | undefined;
  user: number | undefined;
  project: boolean;
  tags: readonly string[];
  blocked: boolean;
  alive: boolean;
  readonly scope: Scope;
  readonly modelScope: (Scope & { readonly model: string }) | undefined;
  /** The cap as it was set, apart from a temporary increase. */
  base: bigint | undefined;
  increase: bigint;
}

/** Who there is in one history, and what its administrator did; what it believes about every scope must be what the product does. */
export class Company {
  readonly keys: Key[] = [];
  readonly #scopes = new Map<string, Scope>();
  readonly #teamInOrganization: boolean[] = [];
  readonly #members = new Set<string>();
  readonly #gone = new Set<string>();
  #renamed = 0;

  private constructor(
    private readonly stage: Stage,
    readonly name: string,
    private readonly cast: Cast,
  ) {}

  static async found(stage: Stage, name: string, cast: Cast): Promise<Company> {
    const company = new Company(stage, name, cast);
    await company.#found();
    return company;
  }

  id(noun: string, index = 0): string {
    return `${this.name}-${noun}${index}`;
  }

  /** Every scope that a call with this key counts in, and which says something about it. */
  scopesOf(key: Key, customer: number | undefined, tags: readonly number[], model: string): Scope[] {
    const names: [string, string][] = [['key', key.id]];
    const { team, user } = key;
    if (team !== undefined) names.push(['team', this.id('team', team)]);
    if (user !== undefined) names.push(['user', this.id('user', user)]);
    if (team !== undefined && user !== undefined)
      names.push(['team_member', `${this.id('team', team)}:${this.id('user', user)}`]);
    if (team !== undefined && this.#teamInOrganization[team]) names.push(['organization', this.id('org')]);
    if (key.project) names.push(['project', this.id('project')]);
    if (customer !== undefined) names.push(['customer', this.id('customer', customer)]);
    for (const tag of new Set([...key.tags, ...tags.map((one) => this.id('tag', one))]))
      names.push(['tag', tag]);
    const scopes = names.map(([type, id]) => this.#scope(type, id));
    // A user's own money counts for keys without a team alone.
    const paying = scopes.map((scope) =>
      scope.type === 'user' && team !== undefined ? { ...scope, budgets: [] } : scope,
    );
    if (key.modelScope?.model === model) paying.push(key.modelScope);
    return paying;
  }

  get scopes(): readonly Scope[] {
    return [...this.#scopes.values(), ...this.keys.flatMap(({ modelScope }) => modelScope ?? [])];
  }

  /** Does what the plan says, where it makes sense; says so, and which keys it concerned. */
  async apply(change: Change): Promise<boolean> {
    const post = (path: string, body: object): Promise<Json> => this.stage.admin('POST', path, body);
    switch (change.kind) {
      case 'budget':
        return this.#budget(change.of, change.index, change.cap);
      case 'reset': {
        const key = this.#living(change.key);
        if (!key) return false;
        const { info } = await this.stage.admin('GET', `/key/info?key=${key.hash}`);
        const to = Math.floor(info.spend * change.percent * 1e7) / 1e9;
        const most = info.max_budget === null ? to : Math.min(to, info.max_budget);
        await post(`/key/${key.hash}/reset_spend`, { reset_to: most });
        return true;
      }
      case 'block': {
        const key = this.#living(change.key);
        if (!key) return false;
        await post(change.blocked ? '/key/block' : '/key/unblock', { key: key.hash });
        key.blocked = change.blocked;
        return true;
      }
      case 'move':
        return this.#move(change.key, change.team);
      case 'rename': {
        const alias = `${this.name} renamed ${(this.#renamed += 1)}`;
        const key = this.#living(change.index);
        if (change.of === 'team')
          await post('/team/update', { team_id: this.id('team', change.index % 2), team_alias: alias });
        else if (key) await post('/key/update', { key: key.hash, key_alias: alias });
        return true;
      }
      case 'regenerate': {
        const key = this.#living(change.key);
        if (!key) return false;
        const made = await post(`/key/${key.hash}/regenerate`, {});
        key.secret = String(made['key']);
        key.hash = hash('sha256', key.secret);
        return true;
      }
      case 'increase': {
        const key = this.#living(change.key);
        if (!key || key.base === undefined) return false;
        const temp_budget_expiry = new Date(Date.now() + 3_600_000).toISOString();
        await post('/key/update', {
          key: key.hash,
          temp_budget_increase: dollars(change.by),
          temp_budget_expiry,
        });
        key.increase = BigInt(change.by) * STEP;
        this.#setCap(key.scope, key.base + key.increase);
        return true;
      }
      case 'leave':
      case 'join':
        return this.#membership(change.kind, change.team, change.user);
      case 'delete':
        return this.#delete(change.of, change.index);
    }
  }

  async #found(): Promise<void> {
    const { organization, teams, users, memberCap, customers, tags, project, sharedCap, keys } = this.cast;
    const post = (path: string, body: object): Promise<Json> => this.stage.admin('POST', path, body);
    await post('/organization/new', {
      organization_id: this.id('org'),
      organization_alias: this.id('org'),
      ...this.#govern('organization', this.id('org'), organization ?? {}),
    });
    for (const [index, team] of teams.entries()) {
      const team_id = this.id('team', index);
      const organized = team.inOrganization ? { organization_id: this.id('org') } : {};
      this.#teamInOrganization.push(team.inOrganization);
      const fitting = within(team, team.inOrganization ? organization : undefined);
      await post('/team/new', { team_id, ...organized, ...this.#govern('team', team_id, fitting) });
    }
    for (const [index, user] of users.entries()) {
      const user_id = this.id('user', index);
      await post('/user/new', { user_id, auto_create_key: false, ...this.#govern('user', user_id, user) });
    }
    for (const team of [0, 1])
      for (const user of [0, 1]) {
        await this.#join(team, user);
        if (memberCap !== undefined) await this.#budget('member', team * 2 + user, memberCap);
      }
    for (const [index, customer] of customers.entries()) {
      const user_id = this.id('customer', index);
      await post('/customer/new', { user_id, ...this.#govern('customer', user_id, customer) });
    }
    for (const [index, tag] of tags.entries()) {
      const name = this.id('tag', index);
      await post('/tag/new', { name, ...this.#govern('tag', name, tag) });
    }
    const project_id = this.id('project');
    await post('/project/new', {
      ...{ project_id, project_alias: project_id, team_id: this.id('team') },
      ...this.#govern(
        'project',
        project_id,
        within(within(project, teams[0]), teams[0]?.inOrganization ? organization : undefined),
      ),
    });
    await post('/budget/new', { budget_id: this.id('shared'), max_budget: dollars(sharedCap) });
    for (const plan of keys) await this.#issue(plan, sharedCap);
  }

  async #issue(plan: Cast['keys'][number], sharedCap: number): Promise<void> {
    const { team, user, inProject = false, modelCap, sharedBudget, windows } = plan;
    const project = inProject && team === 0;
    const tags = (plan.tags ?? []).map((index) => this.id('tag', index));
    const made = await this.stage.admin('POST', '/key/generate', {
      ...(team === undefined ? {} : { team_id: this.id('team', team) }),
      ...(user === undefined ? {} : { user_id: this.id('user', user) }),
      ...(project ? { project_id: this.id('project') } : {}),
      ...(tags.length > 0 ? { tags } : {}),
      ...(sharedBudget ? { budget_id: this.id('shared') } : {}),
      ...(modelCap
        ? {
            model_max_budget: {
              [modelCap.model]: { budget_limit: dollars(modelCap.cap), time_period: '30d' },
            },
          }
        : {}),
      ...fields(plan),
      ...(windows
        ? {
            budget_limits: windows.map((one) => ({
              max_budget: dollars(one.cap),
              budget_duration: one.duration,
            })),
          }
        : {}),
    });
    const secret = String(made['key']);
    const keyHash = hash('sha256', secret);
    const [row] = await this.stage.query<{ id: string }>(
      'SELECT id FROM virtual_keys WHERE token_hash = $1',
      [keyHash],
    );
    const id = row?.id ?? '';
    const scope = this.#scope('key', id);
    const base = sharedBudget ? sharedCap : plan.cap;
    scope.budgets = [
      ...(base === undefined ? [] : [{ name: 'main', cap: BigInt(base) * STEP }]),
      ...(windows ?? []).map((one) => ({ name: one.duration, cap: BigInt(one.cap) * STEP })),
    ];
    scope.rpm = plan.rpm;
    scope.parallel = plan.parallel;
    const { model = '', cap = 0 } = modelCap ?? {};
    this.keys.push({
      ...{ secret, hash: keyHash, id, team, user, project, tags, scope },
      ...{ blocked: false, alive: true, increase: 0n },
      base: base === undefined ? undefined : BigInt(base) * STEP,
      modelScope: modelCap && {
        ...{ type: 'model', id: `key:${id}:${model}`, model },
        budgets: [{ name: 'main', cap: BigInt(cap) * STEP }],
      },
    });
  }

  #living(index: number): Key | undefined {
    const key = this.keys[index % this.keys.length];
    return key?.alive ? key : undefined;
  }

  async #budget(of: Target, index: number, cap: number | undefined): Promise<boolean> {
    const max_budget = cap === undefined ? null : dollars(cap);
    const two = index % 2;
    const send = async (
      path: string,
      body: object,
      type: string,
      id: string,
      method = 'POST',
    ): Promise<boolean> => {
      const answer = await this.stage.ask(method, path, { ...body, max_budget });
      // What would be more than what it belongs to may have, is refused: then nothing has changed.
      if (answer.status === 400 || answer.status === 403) return false;
      if (answer.status >= 300)
        throw new Error(`${path} answers ${answer.status}: ${JSON.stringify(answer.body)}`);
      this.#setCap(this.#scope(type, id), cap === undefined ? undefined : BigInt(cap) * STEP);
      return true;
    };
    switch (of) {
      case 'key': {
        const key = this.#living(index);
        if (!key || this.cast.keys[index % this.keys.length]?.sharedBudget) return false;
        if (!(await send('/key/update', { key: key.hash }, 'key', key.id))) return false;
        key.base = cap === undefined ? undefined : BigInt(cap) * STEP;
        if (key.base !== undefined) this.#setCap(key.scope, key.base + key.increase);
        return true;
      }
      case 'team':
        return send('/team/update', { team_id: this.id('team', two) }, 'team', this.id('team', two));
      case 'user':
        if (this.#gone.has(this.id('user', two))) return false;
        return send('/user/update', { user_id: this.id('user', two) }, 'user', this.id('user', two));
      case 'organization':
        return send('/organization/update', { organization_id: this.id('org') }, of, this.id('org'), 'PATCH');
      case 'customer':
        // Null changes nothing here: clients send whole forms.
        if (cap === undefined) return false;
        return send('/customer/update', { user_id: this.id('customer', two) }, of, this.id('customer', two));
      case 'tag':
        return send('/tag/update', { name: this.id('tag', two) }, of, this.id('tag', two));
      case 'project':
        return send('/project/update', { project_id: this.id('project') }, of, this.id('project'));
      case 'member': {
        const team_id = this.id('team', index >> 1);
        const user_id = this.id('user', two);
        if (!this.#members.has(`${team_id}:${user_id}`)) return false;
        await this.stage.admin('POST', '/team/member_update', {
          team_id,
          user_id,
          max_budget_in_team: max_budget,
        });
        this.#setCap(
          this.#scope('team_member', `${team_id}:${user_id}`),
          cap === undefined ? undefined : BigInt(cap) * STEP,
        );
        return true;
      }
    }
  }

  async #move(index: number, team: number | undefined): Promise<boolean> {
    const key = this.#living(index);
    if (!key || key.project) return false;
    const inTeam =
      key.user === undefined ||
      team === undefined ||
      this.#members.has(`${this.id('team', team)}:${this.id('user', key.user)}`);
    if (!inTeam) return false;
    const answer = await this.stage.ask('POST', '/key/update', {
      key: key.hash,
      team_id: team === undefined ? null : this.id('team', team),
    });
    if (answer.status === 400 || answer.status === 403) return false;
    if (answer.status >= 300)
      throw new Error(`moving answers ${answer.status}: ${JSON.stringify(answer.body)}`);
    key.team = team;
    return true;
  }

  async #join(team: number, user: number): Promise<void> {
    const team_id = this.id('team', team);
    const user_id = this.id('user', user);
    await this.stage.admin('POST', '/team/member_add', { team_id, member: { role: 'user', user_id } });
    this.#members.add(`${team_id}:${user_id}`);
    this.#setCap(this.#scope('team_member', `${team_id}:${user_id}`), undefined);
  }

  async #membership(kind: 'leave' | 'join', team: number, user: number): Promise<boolean> {
    const team_id = this.id('team', team);
    const user_id = this.id('user', user);
    const isMember = this.#members.has(`${team_id}:${user_id}`);
    if (isMember !== (kind === 'leave') || this.#gone.has(user_id)) return false;
    if (kind === 'join') {
      await this.#join(team, user);
      return true;
    }
    await this.stage.admin('POST', '/team/member_delete', { team_id, user_id });
    this.#members.delete(`${team_id}:${user_id}`);
    for (const key of this.keys) if (key.team === team && key.user === user) key.alive = false;
    return true;
  }

  async #delete(of: 'key' | 'user', index: number): Promise<boolean> {
    if (of === 'key') {
      const key = this.#living(index);
      if (!key) return false;
      await this.stage.admin('POST', '/key/delete', { keys: [key.hash] });
      key.alive = false;
      return true;
    }
    const user_id = this.id('user', index % 2);
    if (this.#gone.has(user_id)) return false;
    await this.stage.admin('POST', '/user/delete', { user_ids: [user_id] });
    this.#gone.add(user_id);
    for (const team of [0, 1]) this.#members.delete(`${this.id('team', team)}:${user_id}`);
    for (const key of this.keys) if (key.user === index % 2) key.alive = false;
    return true;
  }

  #setCap(scope: Scope, cap: bigint | undefined): void {
    const windows = scope.budgets.filter(({ name }) => name !== 'main');
    scope.budgets = cap === undefined ? windows : [{ name: 'main', cap }, ...windows];
  }

  #scope(type: string, id: string): Scope {
    const name = `${type}/${id}`;
    let scope = this.#scopes.get(name);
    if (!scope) this.#scopes.set(name, (scope = { type, id, budgets: [] }));
    return scope;
  }

  #govern(type: string, id: string, rules: Rules): object {
    const scope = this.#scope(type, id);
    scope.budgets = rules.cap === undefined ? [] : [{ name: 'main', cap: BigInt(rules.cap) * STEP }];
    scope.rpm = rules.rpm;
    scope.parallel = rules.parallel;
    return fields(rules);
  }
}
