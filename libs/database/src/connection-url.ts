import { Secret } from '#libs/kernel';

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** A PostgreSQL URL, taken apart. Nothing in it prints the password. */
export interface ConnectionTarget {
  /** A host name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: Secret;
  readonly database?: string;
  readonly sslMode: SslMode;
  /** A file, or `system` for the roots this runtime trusts. */
  readonly rootCertificate?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** `options=-c search_path=...`. */
  readonly options?: string;
  readonly applicationName?: string;
  readonly connectTimeoutMs?: number;
}

/**
 * Reads a `postgres://` URL with libpq's meaning of its parameters; the driver's own reading differs (it takes
 * `require` for `verify-full`, and no `sslmode` for `disable`). Parameters of other drivers (`connection_limit`,
 * `pgbouncer`) are ignored. Throws an error that does not contain the URL, because it holds the password.
 */
export function parseConnectionUrl(url: Secret): ConnectionTarget {
  const parsed = toUrl(url.reveal());
  const query = parsed.searchParams;
  const text = (name: string): string | undefined => query.get(name) || undefined;
  const host = text('host') ?? decode(parsed.hostname).replace(/^\[(.+)\]$/, '$1');
  if (host === '') throw new Error('The database URL names no host.');
  const rootCertificate = text('sslrootcert');
  const timeout = text('connect_timeout');
  return {
    host,
    port: toPort(text('port') ?? (parsed.port || '5432')),
    sslMode: toSslMode(text('sslmode'), rootCertificate),
    ...optional('user', text('user') ?? decode(parsed.username)),
    ...optional('password', toSecret(text('password') ?? decode(parsed.password))),
    ...optional('database', text('dbname') ?? decode(parsed.pathname.slice(1))),
    ...optional('rootCertificate', rootCertificate),
    ...optional('clientCertificate', text('sslcert')),
    ...optional('clientKey', text('sslkey')),
    ...optional('options', withSearchPath(text('options'), text('schema'))),
    ...optional('applicationName', text('application_name')),
    ...optional('connectTimeoutMs', timeout && Number(timeout) > 0 ? Number(timeout) * 1000 : undefined),
  };
}

function toUrl(raw: string): URL {
  if (!/^postgres(ql)?:\/\//.test(raw))
    throw new Error('The database URL must begin with postgres:// or postgresql://.');
  try {
    // A Unix socket's URL has no host at all (`postgres://user@/db?host=/run/postgresql`), which URL does not accept.
    return new URL(
      raw.replace('@/', '@unnamed.invalid/').replace(/^(postgres(?:ql)?):\/\/\//, '$1://unnamed.invalid/'),
    );
  } catch {
    // The cause is dropped on purpose: it quotes its input.
    throw new Error('The database URL is malformed. Are special characters of the password percent-encoded?');
  }
}

function toSslMode(given: string | undefined, rootCertificate: string | undefined): SslMode {
  if (given === undefined) return rootCertificate === 'system' ? 'verify-full' : 'prefer';
  const mode = SSL_MODES.find((known) => known === given);
  if (mode === undefined) {
    throw new Error(`The database URL's sslmode is not one of ${SSL_MODES.join(', ')}.`);
  }
  if (rootCertificate === 'system' && mode !== 'verify-full') {
    throw new Error(
      'sslrootcert=system needs sslmode=verify-full: any public authority could vouch for an impostor.',
    );
  }
  return mode;
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error("The database URL's port is not a port.");
  return port;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text).replace(/^unnamed\.invalid$/, '');
  } catch {
    throw new Error('The database URL is malformed: a percent sign must be written %25.');
  }
}

function toSecret(text: string): Secret | undefined {
  return text === '' ? undefined : new Secret(text);
}

/** `schema=x` is how Prisma's URLs name the schema; LiteLLM deployments have them. */
function withSearchPath(options: string | undefined, schema: string | undefined): string | undefined {
  if (schema === undefined || schema === 'public') return options;
  if (!/^[A-Za-z_][\w$]*$/.test(schema)) throw new Error("The database URL's schema is not a plain name.");
  return `${options ? `${options} ` : ''}-c search_path=${schema}`;
}

function optional<K extends string, V>(key: K, value: V | undefined | ''): { [P in K]?: V } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]?: V });
}
