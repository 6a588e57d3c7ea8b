import { GatewayError, isRecord } from '#libs/kernel';
import type { ScimGroupView, ScimPerson, ScimTeam, ScimUserView } from '#libs/tenancy';
import { conforming } from './scim-schemas.js';
import { ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from './scim-words.js';

type Plain = Record<string, unknown>;

const LONGEST_NAME = 256;
const MOST_BYTES = 64 * 1024;
/** What is not the person's own words: ours to say, or kept apart. */
const APART: ReadonlySet<string> = new Set([
  'schemas',
  'id',
  'meta',
  'groups',
  'userName',
  'externalId',
  'active',
]);

/** A new person, as sent. Throws 400 `invalidValue`. */
export function personFrom(sent: Plain): ScimPerson {
  return readPerson(conforming(USER_SCHEMA, sent), undefined);
}

/**
 * The person as `sent` says it now. An address or a name that it does not say anew stays what the account has, whoever set it
 * since; so does everything about `active` when it is silent.
 */
export function changedPerson(current: ScimPerson, sent: Plain): ScimPerson {
  const before = readPerson(conforming(USER_SCHEMA, resourceOf(current)), current);
  const after = readPerson(conforming(USER_SCHEMA, sent), current);
  return {
    ...after,
    email: before.email === after.email ? null : after.email,
    displayName: before.displayName === after.displayName ? null : after.displayName,
  };
}

/** What an identity provider may change of a person, as a resource. */
export function resourceOf({
  userName,
  externalId,
  active,
  email,
  displayName,
  attributes,
}: ScimPerson): Plain {
  return {
    schemas: [USER_SCHEMA, ...(ENTERPRISE_SCHEMA in attributes ? [ENTERPRISE_SCHEMA] : [])],
    ...(externalId === null ? {} : { externalId }),
    userName,
    ...(displayName === null ? {} : { displayName }),
    ...(email === null ? {} : { emails: [{ value: email, type: 'work', primary: true }] }),
    ...attributes,
    active,
  };
}

export function userResource({ id, person, teams, createdAt, updatedAt }: ScimUserView, base: string): Plain {
  return {
    ...resourceOf(person),
    id,
    groups: teams.map((team) => ({
      value: team.id,
      display: team.alias ?? team.id,
      $ref: `${base}/Groups/${encodeURIComponent(team.id)}`,
      type: 'direct',
    })),
    meta: metaOf('User', id, { createdAt, updatedAt }, base),
  };
}

/** A group, as sent. Throws 400 `invalidValue`. */
export function groupFrom(sent: Plain, current?: ScimTeam): ScimTeam {
  const { displayName, externalId, members } = conforming(GROUP_SCHEMA, sent);
  return {
    displayName: nameIn(displayName, 'displayName'),
    externalId: externalId === undefined ? (current?.externalId ?? null) : nameIn(externalId, 'externalId'),
    memberIds: [...new Set(memberIds(members))],
  };
}

/** What an identity provider may change of a group, as a resource; members by their ids alone. */
export function groupDraftOf({ displayName, externalId, memberIds: ids }: ScimTeam): Plain {
  return {
    schemas: [GROUP_SCHEMA],
    ...(externalId === null ? {} : { externalId }),
    displayName,
    members: ids.map((value) => ({ value })),
  };
}

export function groupResource(
  { id, group, names, createdAt, updatedAt }: ScimGroupView,
  base: string,
): Plain {
  return {
    ...groupDraftOf(group),
    id,
    members: group.memberIds.map((value) => ({
      value,
      display: names.get(value) ?? value,
      $ref: `${base}/Users/${encodeURIComponent(value)}`,
      type: 'User',
    })),
    meta: metaOf('Group', id, { createdAt, updatedAt }, base),
  };
}

function readPerson(resource: Plain, current: ScimPerson | undefined): ScimPerson {
  const attributes = Object.fromEntries(Object.entries(resource).filter(([name]) => !APART.has(name)));
  if (Buffer.byteLength(JSON.stringify(attributes)) > MOST_BYTES)
    throw unusable('The resource is too large.');
  const { active, externalId } = resource;
  const userName = nameIn(resource['userName'], 'userName');
  return {
    userName,
    externalId: externalId === undefined ? (current?.externalId ?? null) : nameIn(externalId, 'externalId'),
    active: typeof active === 'boolean' ? active : (current?.active ?? true),
    email: addressIn(attributes['emails']) ?? (userName.includes('@') ? userName : null),
    displayName: displayNameIn(attributes),
    attributes,
  };
}

/** The primary address, else the one of work, else the first. */
function addressIn(emails: unknown): string | null {
  const rows = (Array.isArray(emails) ? emails : []).filter(isRecord);
  const one =
    rows.find(({ primary }) => primary === true) ?? rows.find(({ type }) => type === 'work') ?? rows[0];
  return one === undefined || one['value'] === undefined ? null : nameIn(one['value'], 'emails');
}

function displayNameIn({ displayName, name }: Plain): string | null {
  if (displayName !== undefined) return nameIn(displayName, 'displayName');
  if (!isRecord(name)) return null;
  const { formatted, givenName, familyName } = name;
  const whole = formatted ?? [givenName, familyName].filter((part) => typeof part === 'string').join(' ');
  return whole === '' ? null : nameIn(whole, 'name');
}

function memberIds(members: unknown): string[] {
  return (Array.isArray(members) ? members : []).filter(isRecord).map(({ value, type }) => {
    if (type === 'Group') throw unusable('Groups in groups are not there: name the users.');
    return nameIn(value, 'members');
  });
}

function nameIn(value: unknown, attribute: string): string {
  const isName =
    typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_NAME && value.isWellFormed();
  if (isName && !/\p{Cc}/u.test(value)) return value;
  throw unusable(
    `'${attribute}' must be a text of 1 to ${LONGEST_NAME} characters without control characters.`,
  );
}

function unusable(message: string): GatewayError {
  return new GatewayError('request.bad_field', message, { type: 'invalidValue' });
}

function metaOf(
  resourceType: 'User' | 'Group',
  id: string,
  { createdAt, updatedAt }: { readonly createdAt: Date; readonly updatedAt: Date },
  base: string,
): Plain {
  return {
    resourceType,
    created: createdAt.toISOString(),
    lastModified: updatedAt.toISOString(),
    location: `${base}/${resourceType}s/${encodeURIComponent(id)}`,
  };
}
