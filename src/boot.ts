import 'reflect-metadata';
import { hostname } from 'node:os';
import { type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AccessRecorder, isFormPath, isSamlPath, SAML_POST_BYTES } from '#apps/admin';
import { HotLane, PassThroughLane, REALTIME_DOORS, RealtimeLane } from '#apps/proxy';
import { InstallationKey } from '#libs/audit';
import { AuthenticationGuard, MasterKey, PrincipalPreparation, SignInMethods } from '#libs/auth';
import { SpendLedger } from '#libs/budget';
import { type Config, secretsOf } from '#libs/config';
import { Changes, SingletonLock } from '#libs/database';
import { DecisionLog } from '#libs/decisions';
import {
  callId,
  Cors,
  FastExpressAdapter,
  formBody,
  GatewayErrorFilter,
  jsonBody,
  plainTarget,
  type Lane,
  requireTls,
  securityHeaders,
} from '#libs/http';
import { newId, type Secret } from '#libs/kernel';
import { assertEveryRouteDeclared, assertOpeningsSafe, GateGuard, PolicyGuard } from '#libs/rbac';
import { Catalogue } from '#libs/routing';
import {
  anonymizeLines,
  createLogger,
  FailureLog,
  type Logger,
  ProcessSink,
  registerSecret,
} from '#libs/telemetry';
import { AppModule, pseudonymsOf } from './app.module.js';
import { showGauges } from './gauges.js';
import { failureRules } from './failures.js';
import { greeting } from './greeting.js';
import { withMasterKey } from './master-key.js';
import { NestLog } from './nest-log.js';
import { assertDataDirUsable, assertPortFree } from './preflight.js';
import { parseRole, type ProcessRole } from './roles.js';
import { CLOSE_MS, inTime, Shutdown } from './shutdown.js';
import { collectStartGarbage } from './start-garbage.js';
import { bringSchemaUpToDate, openStore } from './store.js';
import { withStoredSettings } from './stored-settings.js';
import { tellNotices, tellProblems } from './notices.js';
import { waitForRedis } from './redis-preflight.js';

/** For a failed start to say what was wrong before the process is ended for good. */
const LAST_WORDS_MS = 500;

export interface Running {
  /** Resolves with the exit code once a signal has ended the process's work. */
  readonly ended: Promise<number>;
}

/** Starts one process in its role, from configuration to an open port, and keeps it until a signal. */
export async function boot(asked: Config, roleText: string | undefined): Promise<Running> {
  const role = parseRole(roleText);
  assertOpeningsSafe(asked);
  assertDataDirUsable(asked.server.dataDir);
  const configured = withMasterKey(asked);
  const sink = new ProcessSink(configured.logging.file);
  const logger = createLogger(configured.logging, sink);
  for (const secret of secretsOf(configured)) registerSecret(secret);
  const shutdown = new Shutdown(logger, configured.server.drainMs);
  tellNotices(configured, logger);
  if (configured.server.requiresTls === true) requireTls();
  await assertPortFree(configured.server.host, configured.server.port);
  await waitForRedis(configured.stores, logger);
  const store = await openStore(configured, logger);
  const opened: { close(): Promise<unknown> }[] = [store];
  try {
    const { url: databaseUrl, isOwnServer, encryptionKey } = store;
    await bringSchemaUpToDate(store, logger);
    const config = await withStoredSettings(store, logger);
    const lock = await takeProxyLock(config, databaseUrl, role, logger, shutdown);
    const installation = InstallationKey.open(config.secrets.saltKey, config.server.dataDir);
    anonymizeLines(pseudonymsOf({ config, installation }));
    const parts = { config, databaseUrl, isOwnServer, encryptionKey, logger, sink, role, installation };
    const app = await createApp(parts, opened);
    app.get(SpendLedger).onLost(() => shutdown.begin(1));
    shutdown.guard(app, () => Promise.all([lock?.release(), store.close()]));
    if (role !== 'worker')
      await app.get(Changes).register({ incarnation: newId('inc'), role, host: hostname() });
    collectStartGarbage();
    await app.listen(config.server.port, config.server.host);
    const url = await urlOf(app);
    // A collector of JSON lines must be able to read the first one, too.
    if (config.logging.json)
      logger.info({ url, role, dataDir: config.server.dataDir, store: store.description }, 'listening');
    else sink.write(greeting(config, url, store.description));
    return { ended: shutdown.ended };
  } catch (error) {
    for (const part of opened.reverse())
      await inTime(part.close(), CLOSE_MS).catch((err: unknown) =>
        logger.error({ err }, 'Not closed cleanly.'),
      );
    // What still holds the process must not keep a start that failed from being tried again.
    setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
    throw error;
  }
}

/** Nest around the rooms: strict paths, one policy, one rendering of errors; completions go past Express. */
async function createApp(
  parts: Parameters<typeof AppModule.of>[0],
  opened: { close(): Promise<unknown> }[],
): Promise<INestApplication> {
  const { config, logger, role } = parts;
  const { rootPath, bodyTimeoutMs } = config.server;
  const adapter = new FastExpressAdapter({ rootPath, requestTimeoutMs: bodyTimeoutMs });
  const app = await NestFactory.create(AppModule.of(parts), adapter, {
    bodyParser: false,
    logger: new NestLog(logger),
    abortOnError: false,
  });
  opened.push(app);
  const cors = app.get(Cors);
  app.use(securityHeaders, callId);
  if (role === 'all' || role === 'admin') app.use(app.get(AccessRecorder, { strict: false }).middleware);
  if (cors.isOn) app.use(cors.middleware);
  app.use(plainTarget, formBody(isFormPath), formBody(isSamlPath, SAML_POST_BYTES), jsonBody);
  app.useGlobalGuards(app.get(GateGuard), app.get(AuthenticationGuard), app.get(PolicyGuard));
  app.useGlobalFilters(new GatewayErrorFilter(failureRules(app.get(FailureLog), app.get(DecisionLog))));
  const serves = role === 'all' || role === 'proxy';
  if (serves) adapter.useLane(laneOf(app));
  if (serves) adapter.useUpgrades(app.get(RealtimeLane));
  await app.init();
  await app.get(SignInMethods, { strict: false }).start();
  assertEveryRouteDeclared(app, { upgrades: serves ? REALTIME_DOORS : [] });
  for (const { apiKey } of app.get(Catalogue).deployments) if (apiKey) registerSecret(apiKey.reveal());
  tellProblems(app.get(Catalogue), logger);
  showGauges(app);
  await app.get(PrincipalPreparation).prepare(app.get(MasterKey).principal);
  return app;
}

/** Completions first, and nothing is asked before them. */
function laneOf(app: INestApplication): Lane {
  const completions = app.get(HotLane).dispatch;
  const endpoints = app.get(PassThroughLane).dispatch;
  return (request, response) => completions(request, response) || endpoints(request, response);
}

/** Without Redis the counters of limits and budgets live in one process, so there may be only one (hard-parts 6). */
async function takeProxyLock(
  config: Config,
  databaseUrl: Secret,
  role: ProcessRole,
  logger: Logger,
  shutdown: Shutdown,
): Promise<SingletonLock | undefined> {
  if (role !== 'all' && role !== 'proxy') return undefined;
  if (config.stores.redisUrl) return undefined;
  const lock = await SingletonLock.take({
    directUrl: config.stores.databaseDirectUrl ?? databaseUrl,
    name: 'proxy',
    logger,
    onLost: () => {
      logger.fatal(
        {},
        'Another proxy has taken over this database; without REDIS_URL only one may count. This process ends.',
      );
      shutdown.begin(1);
    },
  });
  if (lock) return lock;
  throw new Error(
    'Another proxy already counts limits and budgets on this database. Several proxies need shared counters: set REDIS_URL, or stop the other one.',
  );
}

async function urlOf(app: INestApplication): Promise<string> {
  return (await app.getUrl()).replace('[::1]', '127.0.0.1');
}
