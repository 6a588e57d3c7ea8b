import { GatewayError, type Principal } from '#libs/kernel';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { driverErrorOf } from '../driver-error.js';
import { TENANT_ROLE } from '../migrations/tenancy-policies.js';

/** Our own work, on nobody's behalf: jobs, migrations, the drain. */
export interface SystemActor {
  readonly system: string;
}

/** Refused by a policy, or by a right the role does not have. */
const INSUFFICIENT_PRIVILEGE = '42501';

/** A pool, or one connection of it. */
type Connection = Pick<EntityManager, 'query'>;

/** Whether work for callers can be done behind the wall: the role is there and the login may become it. */
export async function isWallStanding(connection: Connection): Promise<boolean> {
  const [row]: { stands: boolean }[] = await connection.query(
    `SELECT coalesce((SELECT pg_has_role(current_user, oid, 'MEMBER') AND NOT rolsuper AND NOT rolbypassrls
         FROM pg_roles WHERE rolname = $1), false)
         AND coalesce((SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass('virtual_keys')), false) AS stands`,
    [TENANT_ROLE],
  );
  return row?.stands === true;
}

/** Makes or renews the wall; false, and nothing changed, where the login may not. Takes short locks on every table. */
export async function raiseTenancyWall(connection: Connection): Promise<boolean> {
  const [row]: { raised: boolean }[] = await connection.query('SELECT raise_tenancy_wall() AS raised');
  return row?.raised === true;
}

/**
 * Proves that the wall hides: as the role, and with nobody said, no row of any kind is seen. Throws when one is, because a wall that
 * only seems to stand is worse than none. Costs a transaction.
 */
export async function assertWallHides(dataSource: DataSource): Promise<void> {
  const [row]: { seen: boolean }[] = await dataSource.transaction(async (manager) => {
    await manager.query(`SELECT set_config('role', $1, true)`, [TENANT_ROLE]);
    return manager.query(
      `SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM virtual_keys) OR EXISTS (SELECT FROM teams)
         OR EXISTS (SELECT FROM balances) AS seen`,
    );
  });
  if (row?.seen)
    throw new Error(
      'Row-level security does not hide rows on this database: its policies were changed by somebody else.',
    );
}

/** Proxy administrators and readers see everything, and so does our own work: there is nothing to hide from them. */
export function isBehindWall(actor: Principal | SystemActor): actor is Principal {
  return !('system' in actor) && actor.role !== 'proxy_admin' && actor.role !== 'proxy_admin_viewer';
}

/** Transactions that were told who is asking. One that is not among them keeps the rights it has, whichever those are. */
const BEHIND_WALL = new WeakSet<QueryRunner>();

/** Tells this transaction who is asking, until it ends. One statement. */
export async function enterTenancy(manager: EntityManager, principal: Principal): Promise<void> {
  const { user, key, team, customerId, organizationId } = principal;
  // An identity provider's word that somebody administers the token's organization; of a stored role only memberships tell.
  const ruled =
    principal.role === 'org_admin' && principal.credential !== 'virtual_key' ? organizationId : undefined;
  await manager.query(
    `SELECT set_config('tollgate.user', coalesce($1, ''), true), set_config('tollgate.key', coalesce($2, ''), true),
            set_config('tollgate.customer', coalesce($3, ''), true), set_config('tollgate.teams', teams::text, true),
            set_config('tollgate.organizations', organizations::text, true),
            set_config('tollgate.governed', governed::text, true), set_config('role', $6, true)
       FROM tenancy_of($1, $4, $5, $7)`,
    [
      user?.id ?? null,
      key?.id ?? null,
      customerId ?? null,
      team?.id ?? null,
      organizationId ?? null,
      TENANT_ROLE,
      ruled ?? null,
    ],
  );
  if (manager.queryRunner !== undefined) BEHIND_WALL.add(manager.queryRunner);
}

/**
 * Does one thing of a caller's transaction with our own rights: for the few questions that reach across tenants by their nature, such
 * as whether an address already belongs to somebody. `_why` is for the reader. What it finds must not reach the caller unasked.
 */
export async function beyondTenancy<T>(
  manager: EntityManager,
  _why: string,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  const { queryRunner: transaction } = manager;
  if (transaction === undefined || !BEHIND_WALL.has(transaction)) return work(manager);
  BEHIND_WALL.delete(transaction);
  await manager.query(`SELECT set_config('role', 'none', true)`);
  // Not in a `finally`: after a failure the transaction can only be rolled back, and the role goes with it.
  const result = await work(manager);
  await manager.query(`SELECT set_config('role', $1, true)`, [TENANT_ROLE]);
  BEHIND_WALL.add(transaction);
  return result;
}

/** A check that was forgotten in front of the wall: refused like any other, and told to whoever reads the log. */
export function refusedByWall(thrown: unknown): unknown {
  const driver = driverErrorOf(thrown);
  if (driver?.code !== INSUFFICIENT_PRIVILEGE) return thrown;
  return new GatewayError('rbac.forbidden', 'Not allowed.', {
    cause: thrown,
    internal: `the database refused what no check in front of it did: ${driver.message ?? ''}`,
  });
}
