import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Secret } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import { BrowsingPool } from './browsing-pool.js';
import { Changes } from './changes.js';
import { createDataSource } from './data-source.js';
import { DatabaseHealth } from './database-health.js';
import { directClient, resolveConnection } from './connect.js';
import { type EncryptionKeyOptions, EncryptionKeySource } from './secrets/encryption-key-source.js';
import { SecretColumns } from './secrets/secret-columns.js';
import { keepReadingPool } from './with-transaction.js';
import { cutConnections } from './pool-connections.js';

/** On a connection of its own. */
async function answersOnce(url: Secret): Promise<void> {
  const client = directClient(await resolveConnection(url), 'tollgate health', 2_000);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    void client.end().catch(() => undefined);
  }
}

export interface DatabaseModuleOptions {
  readonly url: Secret;
  /** Whether this process started the server, so that both share a machine. */
  readonly isOwnServer?: boolean;
  /** For LISTEN and session locks; `url` by default. */
  readonly directUrl?: Secret;
  readonly poolSize?: number;
  readonly applicationName?: string;
  /** Where the key of secrets at rest comes from; without one, nothing secret can be stored. */
  readonly encryptionKey?: EncryptionKeyOptions;
}

/**
 * Provides the open `DataSource`, `Changes` (following), `DatabaseHealth` (warm) and `SecretColumns` to every module. The schema must be
 * up to date before (`migrate`). Closed in Nest's last shutdown phase, so that everybody else's shutdown hooks still
 * have a database.
 */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Changes) private readonly changes: Changes,
    @Inject(DatabaseHealth) private readonly health: DatabaseHealth,
    @Inject(BrowsingPool) private readonly browsing: BrowsingPool,
  ) {}

  static forRoot(options: DatabaseModuleOptions): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [
        {
          provide: DataSource,
          inject: [Logger],
          useFactory: (logger: Logger) => createDataSource(options, logger),
        },
        {
          provide: BrowsingPool,
          inject: [DataSource, Logger],
          useFactory: (dataSource: DataSource, logger: Logger) => {
            const browsing = new BrowsingPool(options, logger);
            keepReadingPool(dataSource, () => browsing.source());
            return browsing;
          },
        },
        {
          provide: Changes,
          inject: [Logger],
          useFactory: async (logger: Logger) => {
            const changes = new Changes({ directUrl: options.directUrl ?? options.url }, logger);
            await changes.start();
            return changes;
          },
        },
        {
          provide: SecretColumns,
          useFactory: () => new SecretColumns(new EncryptionKeySource(options.encryptionKey ?? {})),
        },
        {
          provide: DatabaseHealth,
          inject: [DataSource, Logger, Changes, BrowsingPool],
          useFactory: async (
            dataSource: DataSource,
            logger: Logger,
            changes: Changes,
            browsing: BrowsingPool,
          ) => {
            const health = new DatabaseHealth(dataSource, logger, undefined, {
              answers: () => answersOnce(options.url),
              cut: () => {
                cutConnections(dataSource);
                browsing.cut();
              },
            });
            await health.start();
            changes.knowOutagesFrom(() => !health.isReachable());
            return health;
          },
        },
      ],
      exports: [DataSource, BrowsingPool, Changes, DatabaseHealth, SecretColumns],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    this.health.stop();
    await this.changes.stop();
    await this.browsing.close();
    await this.dataSource.destroy();
  }
}
