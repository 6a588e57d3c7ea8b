import { AuditTrail, InstallationKey } from '#libs/audit';
import type { Config } from '#libs/config';
import { Changes } from '#libs/database';
import { Secret } from '#libs/kernel';
import { RuntimeStore } from '#libs/runtime';
import { createLogger, MemorySink } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { secretColumnsOf } from '../../store.js';
import type { CommandOptions } from '../options.js';
import { readConfig } from '../read-config.js';
import { Misuse } from '../remote/misuse.js';
import { withStore } from '../with-store.js';
import { readFileSource } from './file-source.js';
import { Omissions } from './omissions.js';
import { reportOf } from './report.js';
import { runImport } from './run-import.js';
import { readSource } from './source.js';

/**
 * `import`: brings a LiteLLM database, or a configuration file's models, over, also while a gateway runs here. They are only read. With `--dry-run` nothing is written on
 * either side.
 */
export async function importLiteLLM(options: CommandOptions): Promise<number> {
  // A URL on the command line shows its password to everybody on the machine; the variable does not.
  const from = options.from ?? process.env['LITELLM_DATABASE_URL'];
  if (from === undefined || from === '')
    throw new Misuse(
      'name LiteLLM’s database (LITELLM_DATABASE_URL=postgres://…, or --from) or its configuration file (--from config.yaml)',
    );
  const saltKeyName = options['salt-key-env'];
  if (saltKeyName !== undefined && !process.env[saltKeyName])
    throw new Misuse(`--salt-key-env: ${saltKeyName} is not set`);
  const config = await readConfig(options);
  const logger = createLogger(config.logging, new MemorySink());
  return withStore(config, options.database, async (dataSource, url) => {
    await assertMigrated(dataSource);
    const omissions = new Omissions();
    const source = isDatabase(from)
      ? await readSource(new Secret(from), logger)
      : readFileSource(from, config.environment ?? ((name) => process.env[name]), omissions);
    const isDry = options['dry-run'] === true;
    const target = {
      dataSource,
      config,
      changes: new Changes({ directUrl: url }, logger),
      audit: new AuditTrail(InstallationKey.open(config.secrets.saltKey, config.server.dataDir)),
      store: new RuntimeStore(dataSource, secretColumnsOf(config)),
    };
    const done = await runImport(
      source,
      target,
      { isDry, saltKeys: saltKeysOf(config, saltKeyName) },
      omissions,
    );
    process.stdout.write(reportOf(done, isDry));
    return 0;
  });
}

function isDatabase(from: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(from);
}

/** The one that was named; else the salt key of here, which a drop-in shares, and the master key, which LiteLLM falls back to. */
function saltKeysOf(config: Config, name: string | undefined): Secret[] {
  if (name !== undefined) return [new Secret(process.env[name] ?? '')];
  const masterKey = process.env['LITELLM_MASTER_KEY'];
  return [
    ...(config.secrets.saltKey === undefined ? [] : [config.secrets.saltKey]),
    ...(masterKey ? [new Secret(masterKey)] : []),
  ];
}

async function assertMigrated(dataSource: DataSource): Promise<void> {
  const [row]: { there: boolean }[] = await dataSource.query(
    `SELECT to_regclass('virtual_keys') IS NOT NULL AS there`,
  );
  if (row?.there !== true)
    throw new Error('this store is empty: run "tollgate migrate" (or start Tollgate once) before the import');
}
