import type { Filter } from 'scim2-parse-filter';
import type { Conditions } from '../rows.js';
import { badFilter } from './scim-refusals.js';

/** A page by the place of its first row, from 1. */
export interface Slice {
  readonly startIndex: number;
  readonly count: number;
}

type Operator = 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'lt' | 'ge' | 'le' | 'pr';
type Value = boolean | null | number | string;
type Bind = (value: unknown) => string;

/** How one attribute is asked for in SQL. `kind` says what it can be compared with. */
interface Attribute {
  readonly kind: 'text' | 'exact' | 'flag' | 'time' | 'choice';
  /** An expression over the list's tables. */
  readonly sql: string;
  /** A condition that finds equal rows by an index, given the value as it is compared and as it was sent; absent: the expression is compared. */
  readonly equal?: (bound: string, raw: string) => string;
}
export type Attributes = Readonly<Record<string, Attribute>>;

const TEXT_OPERATORS: Readonly<Record<string, (left: string, bound: string) => string>> = {
  eq: (left, bound) => `${left} = ${bound}`,
  ne: (left, bound) => `${left} IS DISTINCT FROM ${bound}`,
  co: (left, bound) => `strpos(${left}, ${bound}) > 0`,
  sw: (left, bound) => `starts_with(${left}, ${bound})`,
  ew: (left, bound) => `right(${left}, length(${bound})) = ${bound}`,
};
const ORDER_OPERATORS: Readonly<Record<string, string>> = {
  eq: '=',
  ne: '<>',
  gt: '>',
  ge: '>=',
  lt: '<',
  le: '<=',
};

/** Adds the filter to the conditions. Values are only ever bound; names only choose among `attributes`. Throws 400 `invalidFilter`. */
export function narrowBy(conditions: Conditions, filter: Filter, attributes: Attributes): void {
  conditions.add(conditionOf(filter, attributes, (value) => conditions.bind(value)));
}

function conditionOf(filter: Filter, attributes: Attributes, bind: Bind, above = ''): string {
  switch (filter.op) {
    case 'and':
    case 'or':
      return `(${filter.filters.map((each) => conditionOf(each, attributes, bind, above)).join(` ${filter.op.toUpperCase()} `)})`;
    case 'not':
      return `NOT coalesce(${conditionOf(filter.filter, attributes, bind, above)}, false)`;
    case '[]':
      return conditionOf(filter.valFilter, attributes, bind, `${above}${filter.attrPath}.`);
    default: {
      const { attribute, name } = attributeOf(`${above}${filter.attrPath}`, attributes);
      if (filter.op === 'pr') return `${attribute.sql} IS NOT NULL`;
      return comparison(attribute, filter.op, filter.compValue, bind, name);
    }
  }
}

function attributeOf(path: string, attributes: Attributes): { attribute: Attribute; name: string } {
  const name = path.toLowerCase().replace(/^urn:ietf:params:scim:schemas:core:2\.0:(?:user|group):/, '');
  const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (attribute === undefined)
    throw badFilter(`'${path.slice(0, 100)}' is not an attribute that can be searched.`);
  return { attribute, name };
}

function comparison(attribute: Attribute, op: Operator, value: Value, bind: Bind, name: string): string {
  const unusable = badFilter(`'${name}' cannot be compared so.`);
  // One value of the attribute is kept, whatever kind it was sent as.
  if (attribute.kind === 'choice') return `${attribute.sql} IS NOT NULL`;
  if (attribute.kind === 'flag') {
    const wanted = typeof value === 'string' ? value.toLowerCase() === 'true' : value;
    if (typeof wanted !== 'boolean' || (op !== 'eq' && op !== 'ne')) throw unusable;
    return `${attribute.sql} = ${bind((op === 'eq') === wanted)}`;
  }
  if (typeof value !== 'string') throw unusable;
  if (attribute.kind === 'time') {
    const operator = ORDER_OPERATORS[op];
    if (operator === undefined || Number.isNaN(Date.parse(value))) throw unusable;
    return `${attribute.sql} ${operator} ${bind(new Date(value))}`;
  }
  const isExact = attribute.kind === 'exact';
  const left = isExact ? attribute.sql : `lower(${attribute.sql})`;
  const raw = `${bind(value)}::text`;
  const bound = isExact ? raw : `lower(${raw})`;
  if (op === 'eq' && attribute.equal) return attribute.equal(bound, raw);
  const write = TEXT_OPERATORS[op];
  if (write === undefined) throw unusable;
  return write(left, bound);
}

/** Over `users u LEFT JOIN scim_users s`. */
export const USER_ATTRIBUTES: Attributes = {
  id: { kind: 'exact', sql: 'u.id' },
  externalid: { kind: 'exact', sql: 's.external_id' },
  username: {
    kind: 'text',
    sql: 'coalesce(s.user_name, u.email, u.id)',
    equal: (bound, raw) => `u.id IN (
      SELECT n.user_id FROM scim_users n WHERE lower(n.user_name) = ${bound} AND n.deleted_at IS NULL
      UNION ALL SELECT e.id FROM users e WHERE lower(e.email) = ${bound} AND e.email IS NOT NULL AND NOT EXISTS (SELECT FROM scim_users n WHERE n.user_id = e.id)
      UNION ALL SELECT i.id FROM users i WHERE i.id = ${raw} AND i.email IS NULL AND NOT EXISTS (SELECT FROM scim_users n WHERE n.user_id = i.id))`,
  },
  displayname: { kind: 'text', sql: 'u.alias' },
  emails: { kind: 'text', sql: 'u.email' },
  'emails.value': { kind: 'text', sql: 'u.email' },
  'emails.type': { kind: 'choice', sql: 'u.email' },
  'emails.primary': { kind: 'choice', sql: 'u.email' },
  active: {
    kind: 'flag',
    sql: "(u.scim_active AND coalesce(u.metadata ->> 'scim_active', 'true') <> 'false')",
  },
  'name.familyname': { kind: 'text', sql: "(s.attributes -> 'name' ->> 'familyName')" },
  'name.givenname': { kind: 'text', sql: "(s.attributes -> 'name' ->> 'givenName')" },
  'meta.created': { kind: 'time', sql: 'u.created_at' },
  'meta.lastmodified': { kind: 'time', sql: 'greatest(u.updated_at, s.updated_at)' },
};

const memberIs = (bound: string): string =>
  `t.id IN (SELECT m.team_id FROM team_members m WHERE m.user_id = ${bound})`;

/** Over `teams t LEFT JOIN scim_groups s`. */
export const GROUP_ATTRIBUTES: Attributes = {
  id: { kind: 'exact', sql: 't.id' },
  externalid: { kind: 'exact', sql: 's.external_id' },
  displayname: { kind: 'text', sql: 'coalesce(t.alias, t.id)' },
  members: { kind: 'exact', sql: 'NULL::text', equal: memberIs },
  'members.value': { kind: 'exact', sql: 'NULL::text', equal: memberIs },
  'meta.created': { kind: 'time', sql: 't.created_at' },
  'meta.lastmodified': { kind: 'time', sql: 'greatest(t.updated_at, s.updated_at)' },
};
