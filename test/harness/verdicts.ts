import type { RouteId } from '#libs/rbac';
import { CALLERS, type CallerName, hashOf, idOf, isOfProxy, rawKeyOf } from './seeded-tenants.js';

/** What only those see who see everything; nobody's relation opens it. */
export const FOR_OPERATORS: readonly RouteId[] = [
  'GET /audit', 'GET /budget/list', 'GET /customer/list', 'GET /credentials', 'GET /config/list', 'GET /tag/list',
  'GET /global/spend', 'GET /global/spend/keys', 'GET /get/allowed_ips',
]; // prettier-ignore

/** What a request carries. */
export interface Asked {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** The caller's own thing, one of its team, and one of its organization's other team. */
export const RELATIONS = ['own', 'team', 'organization'] as const;
export type Relation = (typeof RELATIONS)[number];

/** Whom each caller meets: the other member of its team, and somebody of the other team. */
export const matesOf = (caller: CallerName): Record<Relation, CallerName> => ({
  own: caller,
  team: caller === 'reader' ? 'member' : 'reader',
  organization: caller === 'neighbour' ? 'member' : 'neighbour',
});
const personOf = (caller: CallerName): string => (caller === 'solo' ? 'member' : caller);
/** More than anybody has, and another amount for each who asks: what does not change is nobody's gain. */
const moreOf = (caller: CallerName): number => 200 + CALLERS.indexOf(caller);
const userOf = (caller: CallerName): string =>
  isOfProxy(caller) ? `proxy-${caller}` : idOf(personOf(caller), 'red');

/**
 * Who gets what, written down once more, by hand: `y` is answered, `n` is refused like what is not there, `.` is not asked. Three letters:
 * one's own, one of the same team, one of the same organization. Of another tenant everything is refused, see above.
 */
export const VERDICTS: Readonly<Record<string, { ask: (target: CallerName, caller: CallerName) => Asked; of: Partial<Record<CallerName, string>> }>> = {
  'GET /key/info': {
    ask: (target) => ({ query: { key: hashOf(rawKeyOf(target, 'red')) } }),
    of: { admin: 'yyy', viewer: 'yyy', chief: 'yyy', lead: 'yyn', member: 'yyn', solo: 'yyn', reader: 'yyn', neighbour: 'y.n', robot: 'ynn', customer: 'ynn' },
  },
  'POST /key/update': {
    ask: (target) => ({ body: { key: hashOf(rawKeyOf(target, 'red')), metadata: { mark: 'red-secret' } } }),
    of: { admin: 'yyy', viewer: 'nnn', chief: 'yyy', lead: 'yyn', member: 'ynn', solo: 'ynn', reader: 'nnn', neighbour: 'y.n', robot: 'nnn', customer: 'nnn' },
  },
  'POST /key/unblock': {
    ask: (target) => ({ body: { key: hashOf(rawKeyOf(target, 'red')) } }),
    of: { admin: 'yyy', viewer: 'nnn', chief: 'nyy', lead: 'yyn', member: 'nnn', solo: 'nnn', reader: 'nnn', neighbour: 'n.n', robot: 'nnn', customer: 'nnn' },
  },
  'GET /team/info': {
    ask: (target) => ({ query: { team_id: idOf(target === 'neighbour' ? 'other-team' : 'team', 'red') } }),
    of: { chief: '.yy', lead: 'yyn', member: 'yyn', solo: 'yyn', reader: 'yyn', neighbour: 'y.n', robot: 'yyn', admin: '.yy', viewer: '.yy', customer: '.nn' },
  },
  'POST /team/unblock': {
    ask: (target) => ({ body: { team_id: idOf(target === 'neighbour' ? 'other-team' : 'team', 'red') } }),
    of: { admin: '.yy', viewer: '.nn', chief: '.yy', lead: 'nnn', member: 'nnn', solo: 'nnn', reader: 'nnn', neighbour: 'n.n', robot: 'nnn', customer: '.nn' },
  },
  'GET /organization/info': {
    ask: () => ({ query: { organization_id: idOf('organization', 'red') } }),
    of: { admin: 'y..', viewer: 'y..', chief: 'y..', lead: 'y..', member: 'y..', reader: 'y..', robot: 'y..', customer: 'n..' },
  },
  'PATCH /organization/update': {
    ask: () => ({ body: { organization_id: idOf('organization', 'red'), organization_alias: 'red-organization-alias' } }),
    of: { admin: 'y..', viewer: 'n..', chief: '...', lead: 'n..', member: 'n..', reader: 'n..', neighbour: 'n..', robot: 'n..', customer: 'n..' },
  },
  'POST /team/update': {
    ask: (target, caller) => ({ body: { team_id: idOf(target === 'neighbour' ? 'other-team' : 'team', 'red'), max_budget: moreOf(caller) } }),
    of: { admin: '.yy', viewer: '.nn', chief: '.yy', lead: '.nn', member: '.nn', solo: '.nn', reader: '.nn', neighbour: 'n.n', robot: '.nn', customer: '.nn' },
  },
  'POST /team/member_add': {
    ask: (target) => ({ body: { team_id: idOf(target === 'neighbour' ? 'other-team' : 'team', 'red'), member: { role: 'user', user_id: idOf('chief', 'red') } } }),
    of: { viewer: '.nn', lead: '..n', member: '.nn', solo: '.nn', reader: '.nn', neighbour: 'n.n', robot: '.nn', customer: '.nn' },
  },
  'POST /team/member_delete': {
    ask: (target) => ({ body: { team_id: idOf(target === 'neighbour' ? 'other-team' : 'team', 'red'), user_id: idOf(target === 'neighbour' ? 'neighbour' : 'mate', 'red') } }),
    of: { viewer: '.nn', lead: '..n', member: '.nn', solo: '.nn', reader: '.nn', robot: '.nn', customer: '.nn' },
  },
  'POST /team/delete': {
    ask: (target) => ({ body: { team_ids: [idOf(target === 'neighbour' ? 'other-team' : 'team', 'red')] } }),
    of: { viewer: '.nn', lead: '..n', member: '.nn', solo: '.nn', reader: '.nn', neighbour: 'n.n', robot: '.nn', customer: '.nn' },
  },
  'POST /key/delete': {
    ask: (target) => ({ body: { keys: [hashOf(rawKeyOf(target, 'red'))] } }),
    of: { viewer: 'nnn', lead: '..n', member: '.nn', solo: '.nn', reader: 'nnn', neighbour: '..n', robot: 'nnn', customer: 'nnn' },
  },
  'POST /user/update': {
    ask: (target, caller) => ({ body: { user_id: userOf(target), max_budget: moreOf(caller) } }),
    of: { admin: '.yy', viewer: '.nn', lead: 'nnn', member: 'nnn', solo: 'nnn', reader: 'nnn', neighbour: 'n.n', robot: '.nn', customer: '.nn' },
  },
  'POST /user/delete': {
    ask: (target) => ({ body: { user_ids: [userOf(target)] } }),
    of: { viewer: 'nnn', lead: 'nnn', member: 'nnn', solo: 'nnn', reader: 'nnn', neighbour: 'n.n', robot: '.nn', customer: '.nn' },
  },
  'GET /user/info': {
    ask: (target) => ({ query: { user_id: userOf(target) } }),
    of: { admin: 'yyy', viewer: 'yyy', chief: 'y..', lead: 'ynn', member: 'ynn', solo: 'ynn', reader: 'ynn', neighbour: 'y.n', robot: '.nn', customer: '.nn' },
  },
}; // prettier-ignore
