import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '#libs/kernel';
import type { DataSource, EntityManager } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/harness/postgres.js';
import { EncryptionKey, ENTITIES } from '../entities/index.js';
import {
  checkSecrets,
  ConfigSetting,
  EncryptionKeySource,
  KeyGrace,
  ProxyModel,
  rotateSecrets,
  SecretColumns,
  StoredCredential,
  StoredEndpoint,
  withTransaction,
} from '../index.js';
import { SECRET_COLUMNS, type SecretColumnName } from './secret-column.js';

const ACTOR = { system: 'test' };
const CANARY = 'sk-canary-of-the-secret-columns';
let database: TestDatabase;
let dataSource: DataSource;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = database.dataSource;
});
afterAll(() => database.drop());
beforeEach(() =>
  dataSource.query(
    'TRUNCATE encryption_keys, proxy_models, credentials, pass_through_endpoints, config_settings, key_graces',
  ),
);

const withSalt = (salt: string, previous?: string): SecretColumns =>
  new SecretColumns(
    new EncryptionKeySource({
      salt: new Secret(salt),
      ...(previous === undefined ? {} : { previousSalt: new Secret(previous) }),
    }),
  );

/** One row of each kind that holds secrets. */
const WRITERS: Record<
  SecretColumnName,
  (manager: EntityManager, secrets: SecretColumns, id: string) => Promise<unknown>
> = {
  modelSecrets: async (manager, secrets, id) =>
    manager.insert(ProxyModel, {
      id,
      modelName: 'm',
      params: {},
      secrets: await secrets.seal(manager, 'modelSecrets', id, CANARY),
    }),
  credentialSecrets: async (manager, secrets, id) =>
    manager.insert(StoredCredential, {
      id,
      name: id,
      secrets: await secrets.seal(manager, 'credentialSecrets', id, CANARY),
    }),
  endpointSecrets: async (manager, secrets, id) =>
    manager.insert(StoredEndpoint, {
      id,
      path: `/${id}`,
      secrets: await secrets.seal(manager, 'endpointSecrets', id, CANARY),
    }),
  settingSecret: async (manager, secrets, id) =>
    manager.insert(ConfigSetting, {
      section: 'environment_variables',
      field: id,
      secret: await secrets.seal(manager, 'settingSecret', `environment_variables.${id}`, CANARY),
    }),
  keySuccessor: async (manager, secrets, id) =>
    manager.insert(KeyGrace, {
      tokenHash: id,
      keyId: 'key',
      maskedName: 'sk-...abcd',
      validUntil: new Date(),
      successor: await secrets.seal(manager, 'keySuccessor', id, CANARY),
    } as never),
};

const write = (secrets: SecretColumns, name: SecretColumnName, id: string): Promise<unknown> =>
  withTransaction(dataSource, ACTOR, (manager) => WRITERS[name](manager, secrets, id));

const names = Object.keys(SECRET_COLUMNS) as SecretColumnName[];

async function storedTexts(): Promise<string> {
  const texts: string[] = [];
  for (const { tableName } of ENTITIES.map((entity) => dataSource.getMetadata(entity)))
    texts.push(JSON.stringify(await dataSource.query(`SELECT t::text FROM ${tableName} t`)));
  return texts.join('\n');
}

describe('every column for secrets', () => {
  it('is in the list that is rotated and checked', () => {
    const listed = Object.values(SECRET_COLUMNS).map(({ table, column }) => `${table}.${column}`);
    const present = ENTITIES.map((entity) => dataSource.getMetadata(entity)).flatMap(
      ({ tableName, columns }) =>
        columns
          .map(({ databaseName }) => databaseName)
          .filter((name) => /(^|_)secrets?$|^successor$/.test(name))
          .map((name) => `${tableName}.${name}`),
    );
    expect(present.toSorted()).toEqual(listed.toSorted());
  });

  it.each(names)('%s holds no clear text, opens in its own row, and in no other', async (name) => {
    const secrets = withSalt('one');
    await write(secrets, name, 'a');
    await write(secrets, name, 'b');
    const { table, column } = SECRET_COLUMNS[name];
    const rows: { sealed: string }[] = await dataSource.query(`SELECT ${column} AS sealed FROM ${table}`);
    expect(rows).toHaveLength(2);
    expect(await storedTexts()).not.toContain(CANARY);
    expect(await checkSecrets(dataSource, secrets)).toContainEqual({
      column: `${table}.${column}`,
      current: 2,
      older: 0,
      unreadable: 0,
    });
    await dataSource.query(`UPDATE ${table} SET ${column} = (SELECT max(${column}) FROM ${table})`);
    const [state] = (await checkSecrets(dataSource, secrets)).filter(({ unreadable }) => unreadable > 0);
    expect(state).toMatchObject({ column: `${table}.${column}`, current: 1, unreadable: 1 });
  });
});

describe('the encryption key', () => {
  it('has to be given where none may be made', async () => {
    await expect(
      write(new SecretColumns(new EncryptionKeySource({})), 'modelSecrets', 'a'),
    ).rejects.toMatchObject({ code: 'secrets.key_missing' });
    expect(await dataSource.manager.count(ProxyModel)).toBe(0);
  });

  it('is made once in a file for its owner alone, and found again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-key-'));
    const file = join(folder, 'deep', 'encryption-key');
    await write(new SecretColumns(new EncryptionKeySource({ file })), 'modelSecrets', 'a');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(
      await checkSecrets(dataSource, new SecretColumns(new EncryptionKeySource({ file }))),
    ).toContainEqual(expect.objectContaining({ column: 'proxy_models.secrets', current: 1 }));
    expect(readFileSync(file, 'utf8')).toBe(text);
    rmSync(folder, { recursive: true });
  });

  it('is missed at the start, not at the first call that needs it', async () => {
    await write(withSalt('one'), 'modelSecrets', 'a');
    await expect(withSalt('two').assertReadable(dataSource.manager)).rejects.toMatchObject({
      code: 'secrets.unreadable',
    });
    await expect(withSalt('two', 'one').assertReadable(dataSource.manager)).resolves.toBeUndefined();
  });

  it('is made once when many processes seal their first secret at the same moment', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, n) => write(withSalt('one'), 'modelSecrets', `m${n}`)));
    expect(await dataSource.manager.count(EncryptionKey)).toBe(1);
  });
});

describe('a rotation', () => {
  it('seals everything anew, also under another encryption key, and forgets the old keys', async () => {
    for (const name of names) for (let n = 0; n < 130; n += 1) await write(withSalt('one'), name, `${n}`);
    const before = await dataSource.manager.findOneByOrFail(EncryptionKey, { active: true });
    const states = await rotateSecrets(dataSource, withSalt('two', 'one'));
    expect(states.map(({ current, older, unreadable }) => [current, older, unreadable])).toEqual(
      names.map(() => [130, 0, 0]),
    );
    const keys = await dataSource.manager.find(EncryptionKey);
    expect(keys).toHaveLength(1);
    expect(keys[0]?.id).not.toBe(before.id);
    expect((await checkSecrets(dataSource, withSalt('two'))).map(({ current }) => current)).toEqual(
      names.map(() => 130),
    );
  });

  it('finishes one that was cut short, without a third key', async () => {
    const secrets = withSalt('one');
    await write(secrets, 'modelSecrets', 'a');
    await withTransaction(dataSource, ACTOR, (manager) => secrets.startRotation(manager));
    const [begun] = await dataSource.manager.findBy(EncryptionKey, { active: true });
    expect(await checkSecrets(dataSource, secrets)).toContainEqual(
      expect.objectContaining({ column: 'proxy_models.secrets', older: 1 }),
    );
    await rotateSecrets(dataSource, secrets);
    expect(await dataSource.manager.find(EncryptionKey)).toMatchObject([{ id: begun?.id }]);
  });

  /** A value sealed with the old key while the rotation looks the other way would be lost with that key. */
  it('loses nothing that is written while it runs', async () => {
    const secrets = withSalt('one');
    await write(secrets, 'credentialSecrets', 'first');
    let rotations = 0;
    let written = 1;
    const writer = async (lane: number): Promise<void> => {
      for (let n = 0; rotations < 3; n += 1, written += 1)
        await write(withSalt('one'), 'credentialSecrets', `${lane}-${n}`);
    };
    const rotator = async (): Promise<void> => {
      for (; rotations < 3; rotations += 1) await rotateSecrets(dataSource, withSalt('one'));
    };
    await Promise.all([writer(1), writer(2), writer(3), rotator()]);
    const states = await rotateSecrets(dataSource, withSalt('one'));
    expect(states).toContainEqual({
      column: 'credentials.secrets',
      current: written,
      older: 0,
      unreadable: 0,
    });
  });

  it('does nothing where nothing was ever sealed', async () => {
    await rotateSecrets(dataSource, new SecretColumns(new EncryptionKeySource({})));
    expect(await dataSource.manager.count(EncryptionKey)).toBe(0);
  });
});
