import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where callers are answered from the database. */
const ANSWERING = ['libs/tenancy/src', 'apps/admin/src'];

/** The proxy's own questions, asked before there is a caller or on nobody's behalf, and those about what no tenant owns. Each says why. */
const OWN_RIGHTS: Readonly<Record<string, string>> = {
  'libs/tenancy/src/key-directory.ts': 'authentication looks a credential up',
  'libs/tenancy/src/caller-directory.ts': 'authentication compiles a caller',
  'libs/tenancy/src/identities.ts': 'signing in asks who somebody is',
  'libs/tenancy/src/team-identities.ts': 'signing in asks which teams a token means',
  'libs/tenancy/src/sessions.ts': 'signing in asks whose session a token is',
  'libs/tenancy/src/invitation-claims.ts': 'who holds a link is nobody yet',
  'libs/tenancy/src/jwt-key-mappings.ts': 'signing in asks which key a token stands for',
  'libs/tenancy/src/key-rotation.ts': 'a job rotates keys on nobody’s behalf',
  'libs/tenancy/src/customers.ts': 'budgets, by the ids of rows already seen',
  'libs/tenancy/src/shared-budgets.ts': 'budgets are the proxy’s',
  'libs/tenancy/src/tags.ts': 'tags and budgets are the proxy’s',
  'apps/admin/src/apart/reading-apart.ts':
    'what the caller itself is a member of, for the process that reads for it',
  'apps/admin/src/keys/key-rows.ts': 'a budget, by the id of a row already seen',
  'apps/admin/src/privacy/disclosure.ts': 'proxy administrators collect what is known of somebody',
  'apps/admin/src/privacy/erasure.ts': 'proxy administrators erase somebody, everywhere',
  'apps/admin/src/privacy/tables.ts': 'the names of tables and columns',
};
/** Reads that still stand before the second wall. It only ever shrinks. */
const STILL_IN_FRONT: readonly string[] = [];

/** A query on the data source itself, past `withTransaction` and `readAs`: it has the login's rights. */
const PAST_THE_WALL =
  /\b(?:database|dataSource|source|db)\s*\.\s*(?:getRepository|createQueryBuilder|query|manager|transaction|createQueryRunner)\b|\{[^{}]*\bmanager\b[^{}]*\}\s*=\s*this\.(?:database|dataSource)/;

const files = ANSWERING.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('spec.ts')),
);

describe('the second wall between tenants', () => {
  it('stands behind everything that answers a caller', () => {
    const past = files.filter((path) => PAST_THE_WALL.test(readFileSync(join(root, path), 'utf8')));
    expect(past.filter((path) => !(path in OWN_RIGHTS) && !STILL_IN_FRONT.includes(path))).toEqual([]);
  });

  it.each([
    'await this.database.getRepository(Team).find()',
    'await this.database\n      .createQueryBuilder(Key)',
    'membersOf(this.database.manager, ids)',
    'dataSource.query(sql)',
    'const { manager } = this.database;',
  ])('would see: %s', (line) => {
    expect(line).toMatch(PAST_THE_WALL);
  });
});
