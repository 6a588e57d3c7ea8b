import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { type ScopeType, Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import type { RedisSettings } from './sections/general-settings.schemas.js';

export interface StoreSettings {
  /** Absent: embedded PostgreSQL in the data directory. */
  readonly databaseUrl?: Secret;
  /** Direct primary connection for LISTEN and session locks; default `databaseUrl`. */
  readonly databaseDirectUrl?: Secret;
  readonly databasePoolSize: number;
  readonly redisUrl?: Secret;
  /** PEM of the authorities that sign Redis's certificate; absent: those of the system. */
  readonly redisAuthorities?: string;
  /** How long one answer of Redis may take before it counts as lost. */
  readonly redisTimeoutMs: number;
  /** What rather refuses than goes on by its share while Redis is away: all of it, nothing, or these kinds of scope. */
  readonly strictWithoutRedis: {
    readonly limits: boolean | readonly ScopeType[];
    readonly budgets: boolean | readonly ScopeType[];
  };
  /** `sqlite:///F`: requests are mirrored into this file. */
  readonly sqliteMirror?: string;
}

/** What the file says about stores, in its own words. */
export interface StatedStores {
  readonly databaseUrl?: string | undefined;
  readonly poolSize?: number | undefined;
  /** Ways to name a Redis, the one that counts first. */
  readonly redis: readonly (RedisSettings | undefined)[];
  readonly strictWithoutRedis: StoreSettings['strictWithoutRedis'];
}

export function storesInFile({ general, router }: Sections): StatedStores {
  return {
    databaseUrl: general.database_url,
    poolSize: general.database_connection_pool_limit,
    redis: [
      general.coordination_redis,
      {
        url: router.redis_url,
        host: router.redis_host,
        port: router.redis_port,
        username: router.redis_username,
        password: router.redis_password,
      },
    ],
    strictWithoutRedis: {
      limits: general.fail_closed_rate_limit_enforcement ?? false,
      budgets: general.fail_closed_budget_enforcement ?? false,
    },
  };
}

/** Connections of one process. Ten is LiteLLM's default as well; the drain and the admin plane share them. */
const POOL_SIZE = 10;
/** Longer than Redis ever takes for a batch, and short enough not to be felt. */
const REDIS_TIMEOUT_MS = 120;

/** Where data is kept: the environment wins over the file; `sqlite:///F` means the embedded store, mirrored into F. */
export function readStores(
  settings: StatedStores,
  environment: Environment,
  cwd: string,
  findings: Findings,
): StoreSettings {
  const fromEnvironment = environment.get('DATABASE_URL') ?? databaseUrlFromParts(environment);
  if (
    fromEnvironment !== undefined &&
    settings.databaseUrl !== undefined &&
    fromEnvironment !== settings.databaseUrl
  ) {
    findings.notice(
      'general_settings.database_url',
      'DATABASE_URL of the environment is used instead of this setting',
    );
  }
  const url = fromEnvironment ?? settings.databaseUrl;
  const path = fromEnvironment === undefined ? 'general_settings.database_url' : 'DATABASE_URL';
  const direct = environment.get('DATABASE_DIRECT_URL') ?? environment.get('DIRECT_URL');
  const database = url === undefined ? {} : readDatabaseUrl(url, path, cwd, findings);
  const redisUrl = readRedisUrl(settings.redis, environment, findings);
  const redisAuthorities = readRedisAuthorities(settings.redis, environment, cwd, findings);
  return {
    ...database,
    ...(direct !== undefined && isPostgresUrl(direct, 'DATABASE_DIRECT_URL', findings)
      ? { databaseDirectUrl: new Secret(direct) }
      : {}),
    databasePoolSize:
      environment.wholeNumber('DATABASE_POOL_SIZE', 1, 1000, findings) ?? settings.poolSize ?? POOL_SIZE,
    ...(redisUrl === undefined ? {} : { redisUrl: new Secret(redisUrl) }),
    ...(redisAuthorities === undefined ? {} : { redisAuthorities }),
    redisTimeoutMs:
      environment.wholeNumber('REDIS_COMMAND_TIMEOUT_MS', 20, 10_000, findings) ?? REDIS_TIMEOUT_MS,
    strictWithoutRedis: settings.strictWithoutRedis,
  };
}

function readDatabaseUrl(url: string, path: string, cwd: string, findings: Findings): Partial<StoreSettings> {
  if (/^sqlite:/i.test(url)) {
    const file = /^sqlite:\/\/\/([^?#]+)/i.exec(url)?.[1];
    if (file === undefined) {
      findings.error(path, 'expected sqlite:/// and the name of a file');
      return {};
    }
    findings.notice(
      path,
      'the embedded PostgreSQL is the store; requests are mirrored into the table request_log of this SQLite file',
    );
    return { sqliteMirror: isAbsolute(file) ? file : resolve(cwd, file) };
  }
  return isPostgresUrl(url, path, findings) ? { databaseUrl: new Secret(url) } : {};
}

function isPostgresUrl(url: string, path: string, findings: Findings): boolean {
  // What follows a bare # would be cut off: half a password, and the host with it.
  if (/^postgres(?:ql)?:\/\/[^#]+$/i.test(url) && URL.canParse(url)) return true;
  findings.error(
    path,
    'expected a URL that starts with postgresql:// (special characters of the password percent-encoded), or sqlite:///FILE',
  );
  return false;
}

/** The parts that Helm charts set instead of one URL. */
function databaseUrlFromParts(environment: Environment): string | undefined {
  const host = environment.get('DATABASE_HOST');
  const user = environment.get('DATABASE_USERNAME');
  const name = environment.get('DATABASE_NAME');
  if (host === undefined || user === undefined || name === undefined) return undefined;
  const password = environment.get('DATABASE_PASSWORD');
  const login = encodeURIComponent(user) + (password === undefined ? '' : `:${encodeURIComponent(password)}`);
  return `postgresql://${login}@${host}/${encodeURIComponent(name)}`;
}

function readRedisUrl(
  settings: StatedStores['redis'],
  environment: Environment,
  findings: Findings,
): string | undefined {
  const fromEnvironment = environment.get('REDIS_URL');
  const fromFile = settings.map((redis) => redis && redisUrlOf(redis)).find((url) => url !== undefined);
  const port = environment.wholeNumber('REDIS_PORT', 1, 65_535, findings);
  const fromParts = redisUrlOf({
    host: environment.get('REDIS_HOST'),
    port,
    username: environment.get('REDIS_USERNAME'),
    password: environment.get('REDIS_PASSWORD'),
    ssl: environment.flag('REDIS_SSL', findings),
  });
  const url = fromEnvironment ?? fromFile ?? fromParts;
  if (url === undefined) return undefined;
  if (!/^rediss?:\/\/./i.test(url) || !URL.canParse(url)) {
    findings.error(
      fromEnvironment === undefined ? 'general_settings.coordination_redis' : 'REDIS_URL',
      'expected a URL that starts with redis:// or rediss://',
    );
    return undefined;
  }
  // The driver would take what is no number for none, and count in database 0.
  if (!/^(?:\/\d*)?$/.test(new URL(url).pathname)) {
    findings.error(
      fromEnvironment === undefined ? 'general_settings.coordination_redis' : 'REDIS_URL',
      'expected the number of a database behind the host, as in redis://host:6379/1, or nothing',
    );
    return undefined;
  }
  return url;
}

/** A Redis whose certificate was signed by an authority of one's own. What is not a certificate would trust nobody, or everybody. */
function readRedisAuthorities(
  settings: StatedStores['redis'],
  environment: Environment,
  cwd: string,
  findings: Findings,
): string | undefined {
  const fromEnvironment = environment.get('REDIS_SSL_CA_CERTS');
  const file =
    fromEnvironment ?? settings.map((redis) => redis?.ssl_ca_certs).find((one) => one !== undefined);
  if (file === undefined) return undefined;
  const path =
    fromEnvironment === undefined ? 'general_settings.coordination_redis.ssl_ca_certs' : 'REDIS_SSL_CA_CERTS';
  try {
    const pem = readFileSync(resolve(cwd, file), 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
    findings.error(path, `${file} holds no certificate (PEM)`);
  } catch {
    findings.error(path, `${file} cannot be read`);
  }
  return undefined;
}

function redisUrlOf(redis: RedisSettings): string | undefined {
  if (redis.url !== undefined) return redis.url;
  if (redis.host === undefined) return undefined;
  const password = redis.password === undefined ? '' : `:${encodeURIComponent(redis.password)}`;
  const login =
    redis.username === undefined && password === ''
      ? ''
      : `${encodeURIComponent(redis.username ?? '')}${password}@`;
  return `${redis.ssl === true ? 'rediss' : 'redis'}://${login}${redis.host}:${redis.port ?? 6379}${redis.db === undefined ? '' : `/${redis.db}`}`;
}
