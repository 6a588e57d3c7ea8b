import { AuditTrail, InstallationKey } from '#libs/audit';
import { Changes, EncryptionKeySource, SecretColumns } from '#libs/database';
import { ManualClock, type NanoUsd, type Scope, Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Config } from '#libs/config';
import { principal } from './caller.js';
import { createTestDatabase, silentLogger, type TestDatabase } from './postgres.js';
import { CallerDirectory } from '../../libs/tenancy/src/caller-directory.js';
import { CustomRoles } from '../../libs/tenancy/src/custom-roles.js';
import { KeyCatalogue } from '../../libs/tenancy/src/key-catalogue.js';
import { KeyViews } from '../../libs/tenancy/src/key-view.js';
import { KeyDirectory } from '../../libs/tenancy/src/key-directory.js';
import { KeyJudge } from '../../libs/tenancy/src/key-judge.js';
import { KeyRotation } from '../../libs/tenancy/src/key-rotation.js';
import { KeySpend } from '../../libs/tenancy/src/key-spend.js';
import { Keys } from '../../libs/tenancy/src/keys.js';
import { KeptStandings } from '../../libs/tenancy/src/authority/standings.js';
import { SpendReader, type SpendRow } from '../../libs/tenancy/src/spend-reader.js';
import { type SpendOwner, SpendSetter } from '../../libs/tenancy/src/spend-setter.js';
import { Invitations } from '../../libs/tenancy/src/invitations.js';
import { OrganizationCatalogue } from '../../libs/tenancy/src/organization-catalogue.js';
import { Organizations } from '../../libs/tenancy/src/organizations.js';
import { Projects } from '../../libs/tenancy/src/projects.js';
import { TeamCatalogue } from '../../libs/tenancy/src/team-catalogue.js';
import { TeamMembers } from '../../libs/tenancy/src/team-members.js';
import { Teams } from '../../libs/tenancy/src/teams.js';
import { ScimGroups } from '../../libs/tenancy/src/scim/scim-groups.js';
import { ScimUsers } from '../../libs/tenancy/src/scim/scim-users.js';
import { type Author, Transactions } from '../../libs/tenancy/src/transactions.js';
import { UserCatalogue } from '../../libs/tenancy/src/user-catalogue.js';
import { FirstKeys } from '../../libs/tenancy/src/first-keys.js';
import { UserJudge } from '../../libs/tenancy/src/user-judge.js';
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
export class StatedSpendSetter extends SpendSetter {
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
export const NO_PEOPLE_DEFAULTS: Config['people'] = {
  newUser: {
    role: 'internal_user',
    signInRole: 'internal_user_viewer',
    models: undefined,
    capNanoUsd: null,
    budgetDuration: null,
    tokensPerMinute: null,
    requestsPerMinute: null,
    parallelRequests: null,
    teams: [],
  },
  teamsToJoin: [],
  newTeam: {
    organizationId: null,
    models: [],
    capNanoUsd: null,
    budgetDuration: null,
    tokensPerMinute: null,
    requestsPerMinute: null,
    memberPermissions: undefined,
  },
  addsCreatingAdmin: true,
};
const NO_DEFAULTS = {
  auth: {},
  signIn: { browser: { adminUserId: 'named-admin' } },
  budgets: {},
  keys: { teamAdminEditableFields: [] },
  roles: { custom: {}, permissions: {} },
  people: NO_PEOPLE_DEFAULTS,
} as unknown as Config;

/** For everything that is signed or made unrecognisable in tests. */
export const TEST_INSTALLATION = new InstallationKey(new Secret('the installation of the tests'));

export type TenancyRoom = ReturnType<typeof tenancyOn> & { readonly database: DataSource };

/**
 * The whole room for one spec file, on a database of its own, where these tables are empty before each test. Call it where the
 * file's other hooks are declared; its members are there from the first test on.
 */
export function tenancyForThisFile(tables: string): TenancyRoom {
  const room = {} as TenancyRoom;
  let own: TestDatabase | undefined;
  beforeAll(async () => {
    own = await createTestDatabase();
    const { dataSource: database, url: directUrl } = own;
    Object.assign(room, tenancyOn(database, silentLogger, { directUrl }), { database });
  });
  beforeEach(() => room.database.query(`TRUNCATE ${tables} CASCADE`));
  afterAll(() => own?.drop());
  return room;
}

/** The code that the work was refused with; `allowed` when it was not. */
export function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'allowed',
    (error: { code: string }) => error.code,
  );
}

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
  const standings = new KeptStandings(changes, clock, NO_DEFAULTS);
  const judge = new KeyJudge(NO_DEFAULTS, clock);
  const keySpend = new KeySpend(transactions, clock, judge, new StatedSpendSetter(spend));
  const keys = new Keys(transactions, clock, judge, keySpend);
  const teams = new Teams(transactions, clock, NO_DEFAULTS);
  const secrets = new SecretColumns(new EncryptionKeySource({ salt: new Secret('the salt of the tests') }));
  const users = new Users(
    transactions,
    new UserJudge(NO_DEFAULTS),
    new FirstKeys(keys, clock),
    clock,
    NO_DEFAULTS,
  );
  const callers = new CallerDirectory(database, NO_DEFAULTS);
  return {
    clock,
    changes,
    callers,
    scimUsers: new ScimUsers(database, transactions, users, clock, NO_DEFAULTS),
    scimGroups: new ScimGroups(database, transactions, teams, clock, NO_DEFAULTS),
    spend,
    keys,
    keySpend,
    rotation: new KeyRotation(database, transactions, clock, judge, secrets, logger),
    users,
    teams,
    members: new TeamMembers(transactions, clock, NO_DEFAULTS, new StatedSpendSetter(spend)),
    teamCatalogue: new TeamCatalogue(database, clock, NO_DEFAULTS),
    userCatalogue: new UserCatalogue(database, standings),
    organizations: new Organizations(transactions, teams, clock, NO_DEFAULTS),
    organizationCatalogue: new OrganizationCatalogue(database),
    projects: new Projects(database, transactions, clock),
    customRoles: new CustomRoles(database, transactions, clock, NO_DEFAULTS),
    invitations: new Invitations(database, transactions, clock),
    catalogue: new KeyCatalogue(database, clock, new KeyViews(database, clock, spend), standings),
    directory: new KeyDirectory(database, callers, clock),
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
