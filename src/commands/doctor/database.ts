import { join } from 'node:path';
import type { Config } from '#libs/config';
import { createDataSource, findSchemaState, isWallStanding, runningEmbeddedUrl } from '#libs/database';
import type { Secret } from '#libs/kernel';
import { createLogger, MemorySink } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { remedyOf } from '../../database-problem.js';
import { NO_SECOND_WALL, secretColumnsOf } from '../../store.js';
import { describeFailure } from '../failure.js';
import { bad, type Finding, look, ok } from './finding.js';

/** Budgets begin and end by the database's clock and by ours: this much apart is no jitter of the network. */
const SKEW_MS = 2_000;

/** Both connections, then what this release needs of the database behind them. Changes nothing there. */
export async function database(config: Config): Promise<Finding[]> {
  const { databaseUrl, databaseDirectUrl } = config.stores;
  if (!databaseUrl) return embedded(config);
  const findings = await connection(config, 'DATABASE_URL', databaseUrl, async (dataSource) => [
    ...(await store(config, dataSource)),
    ...(await otherProxy(config, dataSource)),
  ]);
  if (databaseDirectUrl)
    findings.push(
      ...(await connection(config, 'DATABASE_DIRECT_URL', databaseDirectUrl, () => Promise.resolve([]))),
    );
  else
    findings.push(
      look(
        'If DATABASE_URL goes through PgBouncer in transaction mode, set DATABASE_DIRECT_URL too: change events and locks need sessions.',
      ),
    );
  return findings;
}

async function embedded(config: Config): Promise<Finding[]> {
  const { dataDir } = config.server;
  const about = ok(`The store is an embedded PostgreSQL in ${join(dataDir, 'postgres')}.`);
  const url = runningEmbeddedUrl(dataDir);
  if (url === undefined) return [about];
  try {
    return [about, ...(await asked(config, url, (dataSource) => store(config, dataSource)))];
  } catch {
    // A server that was killed leaves its file behind; the next start stops or replaces it.
    return [about];
  }
}

async function connection(
  config: Config,
  name: string,
  url: Secret,
  look: (dataSource: DataSource) => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return [ok(`PostgreSQL answers at ${name}.`), ...(await asked(config, url, look))];
  } catch (error) {
    const reason = describeFailure(error).replace(/\.$/, '').replaceAll('. (', ' (');
    const remedy = remedyOf(error, name);
    return [
      bad(`PostgreSQL does not answer at ${name}: ${reason}.${remedy === undefined ? '' : ` ${remedy}`}`),
    ];
  }
}

async function asked<T>(
  config: Config,
  url: Secret,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = await createDataSource(
    { url, poolSize: 1 },
    createLogger(config.logging, new MemorySink()),
  );
  try {
    await dataSource.query('SELECT 1');
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function store(config: Config, dataSource: DataSource): Promise<Finding[]> {
  const findings = [...(await clock(dataSource)), ...(await rights(dataSource))];
  // Whoever may not read the tables could be told nothing more.
  if (findings.some(({ verdict }) => verdict === 'bad')) return findings;
  const { isEmpty, pending, unknown } = await findSchemaState(dataSource);
  if (unknown.length > 0)
    return [
      ...findings,
      bad(
        `This database belongs to a later release (${unknown.join(', ')}), and this one would not start. Start that release, or restore the backup from before the upgrade.`,
      ),
    ];
  if (isEmpty) return [...findings, ok('The database is empty: the first start makes the schema.')];
  if (pending.length > 0)
    return [
      ...findings,
      look(
        `The schema is that of an earlier release: the next start, or "tollgate migrate", runs ${pending.join(', ')}. Back up first; there is no way down.`,
      ),
    ];
  return [
    ...findings,
    ok('The schema is that of this release.'),
    (await isWallStanding(dataSource))
      ? ok('Row-level security stands behind the checks between tenants.')
      : look(NO_SECOND_WALL),
    ...(await storedSecrets(config, dataSource)),
  ];
}

async function clock(dataSource: DataSource): Promise<Finding[]> {
  const before = Date.now();
  const [row]: { now: Date }[] = await dataSource.query('SELECT clock_timestamp() AS now');
  const after = Date.now();
  const there = row?.now.getTime() ?? before;
  // Between the two it may have been read at any moment.
  const apartMs = Math.max(before - there, there - after, 0);
  if (apartMs < SKEW_MS) return [];
  return [
    bad(
      `The clocks of this machine and of PostgreSQL are ${(apartMs / 1_000).toFixed(1)} s apart: periods of budgets and expiries would be judged differently here and there. Set both by NTP.`,
    ),
  ];
}

async function rights(dataSource: DataSource): Promise<Finding[]> {
  const [row]: {
    login: string;
    writes: boolean;
    standby: boolean;
    readonly: boolean;
    owns: boolean | null;
  }[] = await dataSource.query(
    `SELECT current_user AS login, pg_is_in_recovery() AS standby,
         current_setting('transaction_read_only') = 'on' AS readonly,
         coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS writes,
         (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('virtual_keys')) AS owns`,
  );
  if (row === undefined) return [];
  const { login, writes, standby, readonly, owns } = row;
  const findings: Finding[] = [];
  if (standby) findings.push(bad('This PostgreSQL is a standby, which takes no changes: name the primary.'));
  else if (readonly)
    findings.push(
      bad(
        'This PostgreSQL takes no changes (default_transaction_read_only is on): a managed server does so when its disk is nearly full. Make room, or switch it off.',
      ),
    );
  if (!writes)
    findings.push(
      bad(
        `The login ${login} may not make tables, and a start would fail. As the database's owner: GRANT USAGE, CREATE ON SCHEMA public TO "${login}".`,
      ),
    );
  if (owns === false)
    findings.push(
      bad(
        `The tables belong to another login than ${login}, and upgrades need their owner: use that login, or GRANT it to "${login}".`,
      ),
    );
  return findings;
}

async function storedSecrets(config: Config, dataSource: DataSource): Promise<Finding[]> {
  try {
    await secretColumnsOf(config).assertReadable(dataSource.manager);
    return [ok('Stored secrets can be opened.')];
  } catch (error) {
    return [bad(`A start would be refused: ${describeFailure(error)}.`)];
  }
}

/** The one proxy without Redis holds its lock by a session that bears this name (`SingletonLock`). */
async function otherProxy(config: Config, dataSource: DataSource): Promise<Finding[]> {
  if (config.stores.redisUrl) return [];
  const holders: { address: string | null }[] = await dataSource.query(
    `SELECT host(client_addr) AS address FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tollgate lock proxy'`,
  );
  return holders.map(({ address }) =>
    look(
      `A proxy (at ${address ?? 'this machine'}) counts limits and budgets on this database already: without REDIS_URL another one will not start beside it.`,
    ),
  );
}
