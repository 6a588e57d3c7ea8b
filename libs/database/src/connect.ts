import { existsSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, type ConnectionOptions, getCACertificates } from 'node:tls';
import type { Secret } from '#libs/kernel';
import pg from 'pg';
import { type ConnectionTarget, parseConnectionUrl } from './connection-url.js';

/** What the driver is given: a target whose TLS is decided. */
export interface ConnectionParameters {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly options?: string;
  readonly applicationName?: string;
  readonly connectTimeoutMs: number;
  readonly ssl: false | ConnectionOptions;
}

/** Longer than a slow handshake across regions, shorter than a client's patience. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Decides how to reach the server a URL names. With `sslmode=prefer` (libpq's default) the server is asked once
 * whether it speaks TLS; it is asked again at the next start, not for every connection. Throws when it cannot be reached.
 */
export async function resolveConnection(url: Secret): Promise<ConnectionParameters> {
  const target = parseConnectionUrl(url);
  const connectTimeoutMs = Math.min(target.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, 60_000);
  return {
    host: target.host,
    port: target.port,
    connectTimeoutMs,
    ssl: await decideTls(target, connectTimeoutMs),
    ...(target.user && { user: target.user }),
    ...(target.password && { password: target.password.reveal() }),
    ...(target.database && { database: target.database }),
    ...(target.options && { options: target.options }),
    ...(target.applicationName && { applicationName: target.applicationName }),
  };
}

/** A connection of its own, outside any pool: for LISTEN and session locks. The caller connects, ends and handles `error`. */
export function directClient(
  parameters: ConnectionParameters,
  applicationName: string,
  timeoutMs: number,
): pg.Client {
  const { connectTimeoutMs, applicationName: named, ...rest } = parameters;
  return new pg.Client({
    ...rest,
    application_name: named ?? applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
  });
}

async function decideTls(target: ConnectionTarget, timeoutMs: number): Promise<false | ConnectionOptions> {
  // As libpq: there is nobody between the two ends of a Unix socket.
  if (target.host.startsWith('/')) return false;
  const roots = readRoots(target);
  const identity = {
    ...(target.clientCertificate && { cert: readFileSync(target.clientCertificate, 'utf8') }),
    ...(target.clientKey && { key: readFileSync(target.clientKey, 'utf8') }),
  };
  const unverified = { ...identity, rejectUnauthorized: false };
  switch (target.sslMode) {
    case 'disable':
      return false;
    case 'allow':
    case 'prefer':
      return (await speaksTls(target, timeoutMs)) ? unverified : false;
    case 'require':
      return roots ? { ...identity, ca: roots, checkServerIdentity: () => undefined } : unverified;
    case 'verify-ca':
      if (!roots) throw new Error('sslmode=verify-ca needs sslrootcert: the file of the authority to trust.');
      return { ...identity, ca: roots, checkServerIdentity: () => undefined };
    case 'verify-full':
      return {
        ...identity,
        ca: roots ?? systemRoots(),
        // Named explicitly: for an address instead of a name the runtime would check the certificate against "localhost".
        checkServerIdentity: (_name, certificate) => checkServerIdentity(target.host, certificate),
      };
  }
}

function readRoots(target: ConnectionTarget): string[] | undefined {
  if (target.rootCertificate === 'system') return systemRoots();
  if (target.rootCertificate) return [readFileSync(target.rootCertificate, 'utf8')];
  const usual = join(homedir(), '.postgresql', 'root.crt');
  return existsSync(usual) ? [readFileSync(usual, 'utf8')] : undefined;
}

function systemRoots(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Sends the protocol's SSLRequest and reads the one byte that answers it. */
function speaksTls(target: ConnectionTarget, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: target.host, port: target.port });
    const fail = (cause?: unknown): void => {
      socket.destroy();
      reject(new Error(`PostgreSQL cannot be reached at ${target.host}:${target.port}.`, { cause }));
    };
    socket.setTimeout(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once('connect', () => socket.write(SSL_REQUEST));
    socket.once('data', (answer) => {
      resolve(answer[0] === 0x53);
      socket.destroy();
    });
  });
}
