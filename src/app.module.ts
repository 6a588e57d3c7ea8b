import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { AdminModule, DecisionRoutesModule, ProbesModule, ReadingApartModule } from '#apps/admin';
import { ProxyModule } from '#apps/proxy';
import { WorkerModule } from '#apps/worker';
import { InstallationKey } from '#libs/audit';
import { AuthenticationEvents, AuthModule, ChangeFeed, PrincipalPreparation, PublicRoutes } from '#libs/auth';
import { BudgetModule, Budgets } from '#libs/budget';
import { Config } from '#libs/config';
import { CountersModule } from '#libs/counters';
import { Changes, DatabaseModule, type EncryptionKeyOptions } from '#libs/database';
import { DecisionsModule } from '#libs/decisions';
import { Cors, Draining } from '#libs/http';
import { Build, Clock, type Principal, type Secret, SystemClock } from '#libs/kernel';
import { DeclaredRoutes, RbacModule } from '#libs/rbac';
import { LogSink, Logger, Pseudonyms, TelemetryModule } from '#libs/telemetry';
import { TenancyModule } from '#libs/tenancy';
import { AuthenticationReports } from './authentication-reports.js';
import type { ProcessRole } from './roles.js';
import { productVersion } from './version.js';

export interface AppParts {
  readonly config: Config;
  readonly databaseUrl: Secret;
  /** Whether the database was started here. */
  readonly isOwnServer: boolean;
  readonly encryptionKey: EncryptionKeyOptions;
  readonly logger: Logger;
  readonly sink: LogSink;
  readonly role: ProcessRole;
  readonly installation: InstallationKey;
}

const APPS: Readonly<Record<ProcessRole, readonly Type[]>> = {
  all: [ProxyModule, AdminModule, WorkerModule],
  proxy: [ProxyModule, ProbesModule, DecisionRoutesModule],
  admin: [AdminModule],
  worker: [WorkerModule, ProbesModule],
};

/** What every room may ask for without importing who provides it. */
@Global()
@Module({})
class PlatformModule {
  static of({ config, installation }: AppParts): DynamicModule {
    return {
      module: PlatformModule,
      imports: [TenancyModule, RbacModule],
      providers: [
        { provide: Config, useValue: config },
        { provide: Clock, useClass: SystemClock },
        { provide: InstallationKey, useValue: installation },
        { provide: Build, useFactory: (): Build => ({ version: productVersion() }) },
        {
          provide: Cors,
          useFactory: () => new Cors(config.server.corsOrigins, config.server.corsAllowCredentials),
        },
        Draining,
        { provide: ChangeFeed, useExisting: Changes },
        { provide: PublicRoutes, useExisting: DeclaredRoutes },
        { provide: AuthenticationEvents, useClass: AuthenticationReports },
        {
          provide: PrincipalPreparation,
          useFactory: (budgets: Budgets): PrincipalPreparation => ({
            prepare: (principal: Principal) => budgets.open(principal),
          }),
          inject: [Budgets],
        },
      ],
      exports: [
        Config, Clock, InstallationKey, Build, Cors, Draining, ChangeFeed, PublicRoutes, AuthenticationEvents, PrincipalPreparation,
        TenancyModule, RbacModule,
      ], // prettier-ignore
    };
  }
}

/** The rooms of one process, by its role. */
@Module({})
export class AppModule {
  static of(parts: AppParts): DynamicModule {
    const { config, databaseUrl, isOwnServer, encryptionKey, logger, sink } = parts;
    return {
      module: AppModule,
      imports: [
        TelemetryModule.with({ options: config.logging, sink, logger, pseudonyms: pseudonymsOf(parts) }),
        DatabaseModule.forRoot({
          url: databaseUrl,
          isOwnServer,
          directUrl: config.stores.databaseDirectUrl ?? databaseUrl,
          poolSize: config.stores.databasePoolSize,
          encryptionKey,
        }),
        PlatformModule.of(parts),
        CountersModule,
        BudgetModule,
        AuthModule,
        DecisionsModule,
        ...APPS[parts.role],
        // Where calls are served too, people's reading must not be in their way.
        ...(parts.role === 'all' ? [readingApartOf(parts)] : []),
      ],
    };
  }
}

/** Everybody's own name, unless the operator wants nobody known. */
export function pseudonymsOf({
  config,
  installation,
}: Pick<AppParts, 'config' | 'installation'>): Pseudonyms {
  return new Pseudonyms(pseudonymsKeyOf({ config, installation }));
}

function pseudonymsKeyOf({
  config,
  installation,
}: Pick<AppParts, 'config' | 'installation'>): Buffer | undefined {
  return config.privacy.anonymizeLogs ? installation.derive('pseudonyms') : undefined;
}

function readingApartOf(parts: AppParts): DynamicModule {
  const { config, databaseUrl, isOwnServer } = parts;
  const pseudonymsKey = pseudonymsKeyOf(parts);
  return ReadingApartModule.of({
    environment: process.env,
    databaseUrl,
    isOwnServer,
    budgets: config.budgets,
    ...(pseudonymsKey !== undefined && { pseudonymsKey }),
  });
}
