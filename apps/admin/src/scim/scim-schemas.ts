import { GatewayError, isRecord } from '#libs/kernel';
import SCIMMY from 'scimmy';
import { ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from './scim-words.js';

const { EnterpriseUser, Group, User } = SCIMMY.Schemas;
User.definition.extend(EnterpriseUser.definition, false);

type Plain = Record<string, unknown>;

/**
 * A resource as the standard's schemas know it: names in their own spelling, values of their types, everything else dropped,
 * a password above all. Throws 400 `invalidValue`.
 */
export function conforming(schema: typeof USER_SCHEMA | typeof GROUP_SCHEMA, sent: Plain): Plain {
  try {
    const resource = schema === USER_SCHEMA ? new User(withPlainTypes(sent), 'in') : new Group(sent, 'in');
    return JSON.parse(JSON.stringify(resource)) as Plain;
  } catch (thrown) {
    throw new GatewayError(
      'request.bad_field',
      thrown instanceof Error ? thrown.message : 'Not a resource.',
      {
        type: 'invalidValue',
        cause: thrown,
      },
    );
  }
}

const SPELLINGS: ReadonlyMap<string, string> = new Map(
  [User, Group]
    .flatMap((schema) => schema.definition.attributes)
    .map((attribute) => ('name' in attribute ? String(attribute.name) : ''))
    .filter((name) => name !== '' && !name.startsWith('urn:'))
    .map((name) => [name.toLowerCase(), name]),
);

/** An attribute's path with its first name as the schemas spell it: names have no case (RFC 7643, 2.1). */
export function spelled(path: string): string {
  return path.replace(/^\w+/, (name) => SPELLINGS.get(name.toLowerCase()) ?? name);
}

/** Entra ID writes truth values as text, and a manager as its bare id. */
function withPlainTypes(value: Plain): Plain {
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (/^(?:active|primary)$/i.test(name) && typeof each === 'string') return [name, truth(each)];
      if (name === 'manager' && typeof each === 'string') return [name, { value: each }];
      if (Array.isArray(each)) return [name, each.map((one) => (isRecord(one) ? withPlainTypes(one) : one))];
      return [name, isRecord(each) ? withPlainTypes(each) : each];
    }),
  );
}

function truth(text: string): string | boolean {
  const word = text.toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : text;
}

interface Described {
  readonly id: string;
  readonly attributes: readonly { readonly name: string }[];
}

/** The schemas as documents, without what this server neither takes nor shows. */
export function schemaDocuments(base: string): readonly (Described & Plain)[] {
  return [User, EnterpriseUser, Group].map((schema) => {
    const described = JSON.parse(JSON.stringify(schema.definition.describe(`${base}/Schemas`))) as Described &
      Plain;
    return { ...described, attributes: described.attributes.filter(({ name }) => name !== 'password') };
  });
}

export function resourceTypes(base: string): readonly (Plain & { readonly id: string })[] {
  const schemas = ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'];
  const meta = (id: string) => ({ resourceType: 'ResourceType', location: `${base}/ResourceTypes/${id}` });
  return [
    {
      schemas,
      id: 'User',
      name: 'User',
      endpoint: '/Users',
      description: 'A person',
      schema: USER_SCHEMA,
      schemaExtensions: [{ schema: ENTERPRISE_SCHEMA, required: false }],
      meta: meta('User'),
    },
    {
      schemas,
      id: 'Group',
      name: 'Group',
      endpoint: '/Groups',
      description: 'A team',
      schema: GROUP_SCHEMA,
      schemaExtensions: [],
      meta: meta('Group'),
    },
  ];
}
