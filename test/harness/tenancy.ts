import { AuditTrail, InstallationKey } from '#libs/audit';
import { Changes, EncryptionKeySource, SecretColumns } from '#libs/database';
import { ManualClock, type NanoUsd, type Principal, type Scope, Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import type { Config } from '#libs/config';
import { CallerDirectory } from '../../libs/tenancy/src/caller-directory.js';
import { KeyCatalogue } from '../../libs/tenancy/src/key-catalogue.js';
import { KeyDirectory } from '../../libs/tenancy/src/key-directory.js';
import { KeyJudge } from '../../libs/tenancy/src/key-judge.js';
import { KeyRotation } from '../../libs/tenancy/src/key-rotation.js';
import { Keys } from '../../libs/tenancy/src/keys.js';
import { SpendReader, type SpendRow } from '../../libs/tenancy/src/spend-reader.js';
import { type SpendOwner, SpendSetter } from '../../libs/tenancy/src/spend-setter.js';
import { Teams } from '../../libs/tenancy/src/teams.js';
import { type Author, Transactions } from '../../libs/tenancy/src/transactions.js';
import { Users } from '../../libs/tenancy/src/users.js';

/** Spend that a test decides. */
export class StatedSpend extends SpendReader {
  readonly stated = new Map<string, NanoUsd>();
  override async spendOf(scopes: readonly Scope[]): Promise<ReadonlyMap<string, NanoUsd>> {
    return new Map(scopes.map(({ type, id }) => [`${type}:${id}`, this.stated.get(`${type}:${id}`) ?? 0n]));
  }
  override spendIn(rows: readonly SpendRow[]): Promise<ReadonlyMap<string, NanoUsd>> {
    return this.spendOf(rows.map(({ scope }) => scope));
  }
}

/** Where a test's stated spend is set back. */
class StatedSpendSetter extends SpendSetter {
  constructor(private readonly spend: StatedSpend) {
    super();
  }
  override prepare = (): Promise<void> => Promise.resolve();
  override followed = (): Promise<void> => Promise.resolve();
  override async set(_: unknown, { scope }: SpendOwner, to: NanoUsd): Promise<NanoUsd> {
    const name = `${scope.type}:${scope.id}`;
    const before = this.spend.stated.get(name) ?? 0n;
    this.spend.stated.set(name, to);
    return before;
  }
}

/** An operator who gives nobody a budget by default. */
const NO_DEFAULTS = { budgets: {}, keys: { teamAdminEditableFields: [] } } as unknown as Config;

/** For everything that is signed or made unrecognisable in tests. */
export const TEST_INSTALLATION = new InstallationKey(new Secret('the installation of the tests'));

/** The whole room on one database. */
export function tenancyOn(
  database: DataSource,
  logger: Logger,
  url: ConstructorParameters<typeof Changes>[0],
) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 10));
  const changes = new Changes(url, logger);
  const transactions = new Transactions(database, changes, new AuditTrail(TEST_INSTALLATION));
  const spend = new StatedSpend();
  const judge = new KeyJudge(NO_DEFAULTS, clock);
  const keys = new Keys(transactions, clock, judge, new StatedSpendSetter(spend));
  const secrets = new SecretColumns(new EncryptionKeySource({ salt: new Secret('the salt of the tests') }));
  return {
    clock,
    changes,
    spend,
    keys,
    rotation: new KeyRotation(database, transactions, clock, judge, secrets, logger),
    users: new Users(transactions, keys, clock, NO_DEFAULTS),
    teams: new Teams(transactions, clock, NO_DEFAULTS),
    catalogue: new KeyCatalogue(database, clock, spend),
    directory: new KeyDirectory(database, new CallerDirectory(database, NO_DEFAULTS), clock),
  };
}

export function principal(overrides: Partial<Principal> = {}): Principal {
  return {
    credential: 'virtual_key',
    role: 'internal_user',
    displayName: 'test',
    modelGrants: [],
    modelAliases: {},
    limits: [],
    budgets: [],
    spendScopes: [],
    tags: [],
    metadata: {},
    isCurrent: () => true,
    ...overrides,
  };
}

export const admin: Author = {
  principal: principal({
    credential: 'master_key',
    role: 'proxy_admin',
    displayName: 'master',
    user: { id: 'default_user_id' },
  }),
  ip: '127.0.0.1',
  requestId: 'req_test',
};

export const member: Author = {
  principal: principal({ user: { id: 'ann' } }),
  ip: '127.0.0.1',
  requestId: 'req_test',
};
