/** Somebody, by the rows that say what he may: the same for every way in. */
export interface Rights {
  readonly userId: string;
  readonly teamId?: string;
}

/** A request: method, path, body. */
export type Ask = readonly ['GET' | 'POST', string, object?];

export interface PolicyCase {
  readonly who: keyof typeof PEOPLE;
  readonly does: keyof typeof ASKS;
  readonly status: number;
}

/** Rows that are made before anybody signs in: organizations, teams, users, members. In order. */
export const ROWS: readonly (readonly [path: string, body: object])[] = [
  ['/organization/new', { organization_id: 'acme', organization_alias: 'acme', models: ['demo'] }],
  ['/organization/new', { organization_id: 'broke', organization_alias: 'broke', max_budget: 0 }],
  ['/team/new', { team_id: 'open' }],
  ['/team/new', { team_id: 'narrow', models: ['demo'] }],
  ['/team/new', { team_id: 'poor', max_budget: 0 }],
  ['/team/new', { team_id: 'slow', rpm_limit: 0 }],
  ['/team/new', { team_id: 'silent', tpm_limit: 0 }],
  ['/team/new', { team_id: 'full', max_parallel_requests: 0 }],
  ['/team/new', { team_id: 'shut' }],
  ['/team/new', { team_id: 'of-acme', organization_id: 'acme' }],
  ['/team/new', { team_id: 'of-broke', organization_id: 'broke' }],
  ['/user/new', { user_id: 'plain', user_role: 'internal_user' }],
  ['/user/new', { user_id: 'colleague', user_role: 'internal_user' }],
  ['/user/new', { user_id: 'reader', user_role: 'internal_user_viewer' }],
  ['/user/new', { user_id: 'chosen', models: ['demo'] }],
  ['/user/new', { user_id: 'spent', max_budget: 0 }],
  ['/user/new', { user_id: 'halted', rpm_limit: 0 }],
  ['/user/new', { user_id: 'gone' }],
  ['/user/new', { user_id: 'auditor', user_role: 'proxy_admin_viewer' }],
  ['/user/new', { user_id: 'chief', user_role: 'proxy_admin' }],
  [
    '/team/member_add',
    { team_id: 'open', member: { user_id: 'colleague', role: 'user' }, max_budget_in_team: 0 },
  ],
  ['/customer/new', { user_id: 'stopped', blocked: true }],
  ['/customer/new', { user_id: 'unpaid', max_budget: 0 }],
];

/** What shuts somebody out, done after he has signed in: a way in that keeps what it learned must forget it. */
export const SHUTTING: readonly (readonly [path: string, body: object])[] = [
  ['/user/update', { user_id: 'gone', blocked: true }],
  ['/team/block', { team_id: 'shut' }],
];

export const PEOPLE = {
  plain: { userId: 'plain' },
  member: { userId: 'colleague', teamId: 'open' },
  narrow: { userId: 'reader', teamId: 'narrow' },
  poor: { userId: 'reader', teamId: 'poor' },
  slow: { userId: 'reader', teamId: 'slow' },
  silent: { userId: 'reader', teamId: 'silent' },
  full: { userId: 'reader', teamId: 'full' },
  shut: { userId: 'reader', teamId: 'shut' },
  employee: { userId: 'reader', teamId: 'of-acme' },
  unfunded: { userId: 'reader', teamId: 'of-broke' },
  reader: { userId: 'reader' },
  chosen: { userId: 'chosen' },
  spent: { userId: 'spent' },
  halted: { userId: 'halted' },
  gone: { userId: 'gone' },
  auditor: { userId: 'auditor' },
  chief: { userId: 'chief' },
} as const satisfies Record<string, Rights>;

const chat = (model: string, more: object = {}): Ask => [
  'POST',
  '/v1/chat/completions',
  { model, messages: [{ role: 'user', content: 'x' }], ...more },
];

export const ASKS = {
  'call demo': chat('demo'),
  'call dear': chat('dear'),
  'call nothing': chat('never-was'),
  embed: ['POST', '/v1/embeddings', { model: 'demo', input: 'x' }],
  'call for a blocked customer': chat('demo', { user: 'stopped' }),
  'call for a customer without money': chat('demo', { user: 'unpaid' }),
  'set a price': chat('demo', { input_cost_per_token: 0 }),
  'list models': ['GET', '/v1/models'],
  'list own keys': ['GET', '/key/list'],
  'make a user': ['POST', '/user/new', { user_id: 'made', user_role: 'proxy_admin' }],
  'make a model': [
    'POST',
    '/model/new',
    { model_name: 'x', litellm_params: { model: 'openai/x', mock_response: 'x' } },
  ],
  'change a setting': ['POST', '/config/field/update', { field_name: 'allowed_ips', field_value: [] }],
  'read the audit trail': ['GET', '/audit'],
  'see all spend': ['GET', '/global/spend/report?start_date=2026-01-01&end_date=2026-01-02'],
  'look at another team': ['GET', '/team/info?team_id=poor'],
  'use a route that is not there': ['GET', '/no/such/route'],
} as const satisfies Record<string, Ask>;

export const CASES: readonly PolicyCase[] = [
  { who: 'plain', does: 'call demo', status: 200 },
  { who: 'plain', does: 'call nothing', status: 400 },
  { who: 'plain', does: 'embed', status: 200 },
  { who: 'plain', does: 'call for a blocked customer', status: 403 },
  { who: 'plain', does: 'call for a customer without money', status: 422 },
  { who: 'plain', does: 'set a price', status: 401 },
  { who: 'plain', does: 'list models', status: 200 },
  { who: 'plain', does: 'list own keys', status: 200 },
  { who: 'plain', does: 'make a model', status: 403 },
  { who: 'plain', does: 'change a setting', status: 401 },
  { who: 'plain', does: 'read the audit trail', status: 401 },
  { who: 'plain', does: 'look at another team', status: 403 },
  { who: 'plain', does: 'use a route that is not there', status: 404 },
  { who: 'member', does: 'call demo', status: 422 },
  { who: 'member', does: 'list models', status: 200 },
  { who: 'narrow', does: 'call demo', status: 200 },
  { who: 'narrow', does: 'call dear', status: 403 },
  { who: 'poor', does: 'call demo', status: 422 },
  { who: 'slow', does: 'call demo', status: 429 },
  { who: 'silent', does: 'call demo', status: 429 },
  { who: 'full', does: 'call demo', status: 429 },
  { who: 'shut', does: 'call demo', status: 401 },
  { who: 'shut', does: 'list models', status: 401 },
  { who: 'employee', does: 'call demo', status: 200 },
  { who: 'employee', does: 'call dear', status: 403 },
  { who: 'unfunded', does: 'call demo', status: 422 },
  { who: 'reader', does: 'call demo', status: 200 },
  { who: 'reader', does: 'make a user', status: 401 },
  { who: 'chosen', does: 'call demo', status: 200 },
  { who: 'chosen', does: 'call dear', status: 403 },
  { who: 'spent', does: 'call demo', status: 422 },
  { who: 'halted', does: 'call demo', status: 429 },
  { who: 'gone', does: 'call demo', status: 401 },
  { who: 'gone', does: 'list models', status: 401 },
  { who: 'auditor', does: 'read the audit trail', status: 200 },
  { who: 'auditor', does: 'make a model', status: 403 },
  { who: 'auditor', does: 'see all spend', status: 200 },
  { who: 'chief', does: 'call dear', status: 200 },
  { who: 'chief', does: 'read the audit trail', status: 200 },
  { who: 'chief', does: 'look at another team', status: 200 },
];

/** What binds the master key too; it has no rows of its own. */
export const MASTER_CASES: readonly Omit<PolicyCase, 'who'>[] = [
  { does: 'call demo', status: 200 },
  { does: 'call nothing', status: 400 },
  { does: 'call for a blocked customer', status: 403 },
  { does: 'call for a customer without money', status: 422 },
  { does: 'list models', status: 200 },
  { does: 'read the audit trail', status: 200 },
  { does: 'look at another team', status: 200 },
  { does: 'use a route that is not there', status: 404 },
];
