import { isOutage } from '#libs/database';
import type { Secret } from '#libs/kernel';

/** What to do, by the classes of the server's errors (PostgreSQL, appendix A) and of the network's. `name`: the setting that named the server. */
const REMEDIES: Readonly<Record<string, (name: string) => string>> = {
  '28P01': (name) =>
    `Correct the user or the password in ${name}; special characters of a password are percent-encoded (@ is %40).`,
  '28000': (name) => `Correct the user in ${name}, or let this login in from this address (pg_hba.conf).`,
  '3D000': () => 'Make it (CREATE DATABASE), or correct the name at the end of the URL.',
  '53300': () =>
    'Raise max_connections, or lower DATABASE_POOL_SIZE: every process takes that many, and some more.',
  '53100': () => 'The disk of PostgreSQL is full: make room there.',
  '42501': () =>
    'As the database\'s owner: GRANT USAGE, CREATE ON SCHEMA public TO this login; "tollgate doctor" says what else is missing.',
  '25006': (name) => `It takes no changes, as a standby does not: name the primary in ${name}.`,
  '57P03': () => 'It is starting or stopping: wait a moment.',
  ECONNREFUSED: () => 'Start it, or correct host and port.',
  ENOTFOUND: () => 'Correct the host.',
  EAI_AGAIN: () => 'The name server does not answer: look at DNS.',
  ETIMEDOUT: () => 'Something in between swallows the connection: look at firewalls and network policies.',
};

/** Told by words only: what the driver says without a code. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /no answer within|timeout/i,
    'Something in between swallows the connection, or another program answers there: look at host, port, firewalls and network policies.',
  ],
  [
    /Connection terminated|connection was closed/i,
    'Something in between, or another program, ended it: correct host and port, look at poolers, firewalls and network policies.',
  ],
  [
    /does not support SSL/i,
    'Take sslmode=require out of the URL only where the network between is your own; else switch ssl on in postgresql.conf.',
  ],
  [
    /self[- ]signed|certificate/i,
    'Name the authority that signed its certificate: sslrootcert=FILE in the URL.',
  ],
];

/** One sentence on what is to be done about a failure of PostgreSQL; undefined when we know none. */
export function remedyOf(error: unknown, name: string): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = codeOf(at);
    if (Object.hasOwn(REMEDIES, code)) return REMEDIES[code]?.(name);
    const { message } = at;
    const words = WORDS.find(([pattern]) => pattern.test(message));
    if (words) return words[1];
  }
  return undefined;
}

/** The failure of a server that a setting names, as whoever typed the command reads it; other failures as they are. */
export function asDatabaseProblem(error: unknown, name: string, url: Secret): unknown {
  const remedy = remedyOf(error, name);
  if (!(error instanceof Error) || (remedy === undefined && !isOutage(error))) return error;
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  const text = `PostgreSQL (${name}) at ${placeOf(url)} cannot be used: ${reason.replace(/\.$/, '')}.`;
  // No cause: its message is in the sentence.
  return new Error(remedy === undefined ? text : `${text} ${remedy}`);
}

/** Host and port, and nothing of the credential beside them. */
function placeOf(url: Secret): string {
  const { hostname, port, searchParams } = new URL(url.reveal().replace('@/', '@localhost/'));
  return `${searchParams.get('host') ?? hostname}:${searchParams.get('port') ?? (port || '5432')}`;
}

function codeOf(error: Error): string {
  const { code, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  return String(code ?? driverError?.code ?? '');
}
