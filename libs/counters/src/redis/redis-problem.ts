import type { Secret } from '#libs/kernel';
import { inTime, type RedisAddress, RedisLink, UnfitRedis } from './redis-link.js';

/** Why a Redis cannot be counted on, for the operator. */
export interface RedisProblem {
  /** A sentence, and the remedy where we know one; no password in it. */
  readonly text: string;
  /** It may be over in a moment. */
  readonly mayPass: boolean;
}

interface Remedy {
  readonly when: RegExp;
  /** Waiting will not mend it. */
  readonly isFinal: boolean;
  /** `isTls`: the URL says rediss. */
  text(isTls: boolean): string;
}

const ANSWER_MS = 1_000;

/** By what the server, the driver and the network say; the first that fits. */
const REMEDIES: readonly Remedy[] = [
  {
    when: /WRONGPASS|NOAUTH|invalid password/i,
    isFinal: true,
    text: () =>
      'Correct the password (and the user, where it has users) in REDIS_URL: redis://:PASSWORD@HOST:PORT, special characters percent-encoded (@ is %40).',
  },
  {
    when: /NOPERM/,
    isFinal: true,
    text: () => 'Let this user run every command on every key and channel: ACL SETUSER NAME on ~* &* +@all.',
  },
  {
    when: /DB index|database number/i,
    isFinal: true,
    text: () => 'Correct the number at the end of REDIS_URL, or raise "databases" in redis.conf.',
  },
  {
    when: /ERR_TLS|CERT|certificate|self[- ]signed/i,
    isFinal: true,
    text: () => 'Name the authority that signed its certificate in REDIS_SSL_CA_CERTS.',
  },
  {
    when: /READONLY|MASTERDOWN/,
    isFinal: false,
    text: () => 'It is a replica: name the primary.',
  },
  { when: /LOADING/, isFinal: false, text: () => 'It reads its file: wait a moment.' },
  { when: /OOM/, isFinal: false, text: () => 'Its memory is full: raise maxmemory.' },
  { when: /MOVED|CROSSSLOT|cluster/i, isFinal: true, text: () => 'It is a cluster: name a single primary.' },
  { when: /ENOTFOUND/, isFinal: false, text: () => 'Correct the host.' },
  { when: /EAI_AGAIN/, isFinal: false, text: () => 'The name server does not answer: look at DNS.' },
  { when: /ECONNREFUSED/, isFinal: false, text: () => 'Start it, or correct host and port.' },
  {
    when: /ETIMEDOUT|ECONNRESET|EPROTO|closed|did not answer|Protocol error/i,
    isFinal: false,
    text: (isTls) =>
      isTls
        ? 'Does it speak TLS? If not, say redis://. Else look at host, port, firewalls and network policies.'
        : 'Is it a Redis, and without TLS? For TLS say rediss://. Else look at host, port, firewalls and network policies.',
  },
];

/** Why this Redis cannot be counted on; undefined when it can. For those who look before they start. */
export async function findRedisProblem(address: RedisAddress): Promise<RedisProblem | undefined> {
  const link = new RedisLink(address, 'doctor', { onMessage: () => undefined, onDown: () => undefined });
  try {
    await link.connect();
    const { used, most } = memoryOf(await inTime(link.client().info('memory'), ANSWER_MS));
    // Without eviction it refuses every count from there on, though it answers questions.
    if (most > 0 && used >= most) throw new Error(`OOM: it uses ${used} of ${most} bytes (maxmemory)`);
    return undefined;
  } catch (error) {
    if (error instanceof UnfitRedis) return { text: error.message, mayPass: false };
    return redisProblem(error, address.url);
  } finally {
    link.close();
  }
}

/** What a failure to connect means to whoever runs this. */
export function redisProblem(error: unknown, url: Secret): RedisProblem {
  const { protocol, hostname, port } = new URL(url.reveal());
  const reason = (error instanceof Error ? error.message || codeOf(error) : String(error)).replace(/\.$/, '');
  const remedy = REMEDIES.find(({ when }) => when.test(`${codeOf(error)} ${reason}`));
  const advice = remedy === undefined ? '' : ` ${remedy.text(protocol === 'rediss:')}`;
  return {
    text: `Redis (REDIS_URL) at ${hostname}:${port || 6379} cannot be used: ${reason}.${advice}`,
    mayPass: remedy?.isFinal !== true,
  };
}

function memoryOf(info: string): { used: number; most: number } {
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { used: read('used_memory'), most: read('maxmemory') };
}

/** A connection that failed for several addresses has no message, only a code. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
