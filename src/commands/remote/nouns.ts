/** One request of the admin API. */
export interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Fields = Readonly<Record<string, unknown>>;

/** What can be done with one kind of thing. Absent: that action does not exist for it. */
export interface NounActions {
  /** Columns of its table, by the names the API gives them. */
  readonly columns: readonly string[];
  /** Where in an answer the rows are; the answer itself when it is a list. */
  readonly rows: string;
  /** Where in the answer of `get` the thing itself is; the whole answer when nothing is there. */
  readonly one: string;
  /** Asks for those that people call by this name; undefined when it can only be an id. Absent: ids are all there is. */
  called?(name: string): Ask | undefined;
  list(fields: Fields): Ask;
  get(id: string): Ask;
  create(fields: Fields): Ask;
  update?(id: string, fields: Fields): Ask;
  rotate?(id: string, fields: Fields): Ask;
  block?(id: string): Ask;
  unblock?(id: string): Ask;
  blockAll?(): Ask;
  delete(id: string): Ask;
}

const get = (path: string, query: Fields = {}): Ask => {
  const text = new URLSearchParams(
    Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)])),
  ).toString();
  return { method: 'GET', path: text === '' ? path : `${path}?${text}` };
};
const post = (path: string, body: Fields): Ask => ({ method: 'POST', path, body });

/** The nouns of the command line and the routes behind them (contract/admin-api). A key is named by its id, hash or alias, never by its secret. */
export const NOUNS: Readonly<Record<string, NounActions>> = {
  keys: {
    columns: [
      'token',
      'key_alias',
      'key_name',
      'user_id',
      'team_id',
      'spend',
      'max_budget',
      'blocked',
      'expires',
    ],
    rows: 'keys',
    one: 'info',
    called: (name) =>
      /^[0-9a-f]{64}$/i.test(name)
        ? undefined
        : get('/key/list', { key_alias: name, return_full_object: true, size: 100 }),
    list: (fields) => get('/key/list', { return_full_object: true, size: 100, ...fields }),
    get: (id) => get('/key/info', { key: id }),
    create: (fields) => post('/key/generate', fields),
    update: (id, fields) => post('/key/update', { key: id, ...fields }),
    rotate: (id, fields) => post('/key/regenerate', { key: id, ...fields }),
    block: (id) => post('/key/block', { key: id }),
    unblock: (id) => post('/key/unblock', { key: id }),
    blockAll: () => post('/key/block_all', {}),
    delete: (id) => post('/key/delete', { keys: [id] }),
  },
  teams: {
    columns: ['team_id', 'team_alias', 'organization_id', 'models', 'spend', 'max_budget', 'blocked'],
    rows: 'teams',
    one: 'team_info',
    list: (fields) => get('/team/list', fields),
    get: (id) => get('/team/info', { team_id: id }),
    create: (fields) => post('/team/new', fields),
    update: (id, fields) => post('/team/update', { team_id: id, ...fields }),
    block: (id) => post('/team/block', { team_id: id }),
    unblock: (id) => post('/team/unblock', { team_id: id }),
    delete: (id) => post('/team/delete', { team_ids: [id] }),
  },
  users: {
    columns: ['user_id', 'user_email', 'user_role', 'spend', 'max_budget', 'key_count'],
    rows: 'users',
    one: 'user_info',
    list: (fields) => get('/user/list', { page_size: 100, ...fields }),
    get: (id) => get('/user/info', { user_id: id }),
    create: (fields) => post('/user/new', fields),
    update: (id, fields) => post('/user/update', { user_id: id, ...fields }),
    block: (id) => post('/user/update', { user_id: id, blocked: true }),
    unblock: (id) => post('/user/update', { user_id: id, blocked: false }),
    delete: (id) => post('/user/delete', { user_ids: [id] }),
  },
  budgets: {
    columns: ['budget_id', 'max_budget', 'soft_budget', 'budget_duration', 'rpm_limit', 'tpm_limit'],
    rows: '',
    one: '0',
    list: () => get('/budget/list'),
    get: (id) => post('/budget/info', { budgets: [id] }),
    create: (fields) => post('/budget/new', fields),
    update: (id, fields) => post('/budget/update', { budget_id: id, ...fields }),
    delete: (id) => post('/budget/delete', { id }),
  },
  models: {
    columns: ['model_name', 'model_info.id', 'litellm_params.model', 'model_info.db_model'],
    rows: 'data',
    one: 'data.0',
    list: (fields) => get('/model/info', fields),
    get: (id) => get('/model/info', { litellm_model_id: id }),
    create: (fields) => post('/model/new', fields),
    update: (id, fields) => post('/model/update', { model_info: { id }, ...fields }),
    delete: (id) => post('/model/delete', { id }),
  },
};

export function isRemoteNoun(command: string): boolean {
  return Object.hasOwn(NOUNS, command);
}
