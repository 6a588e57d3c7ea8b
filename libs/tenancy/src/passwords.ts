import { argon2, createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '#libs/kernel';

/** OWASP's first choice for argon2id: 19 MiB and two passes; some 50 ms of one thread of the pool, on purpose. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** LiteLLM's rows: `scrypt:` and salt with derived key in base64. */
const SCRYPT = { prefix: 'scrypt:', N: 16_384, r: 8, p: 1 } as const;
/** What is longer is no password, and is not worked on. */
export const LONGEST_PASSWORD = 1_024;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([\w+/-]+)\$([\w+/-]+)$/;

/** Two at once leave threads of the pool, and memory, for everybody else; who waits behind this many is told to come back. */
const MOST_AT_ONCE = 2;
const MOST_WAITING = 64;
let running = 0;
const waiting: (() => void)[] = [];

/** argon2id in PHC form, with a salt of its own. Off the event loop. Throws 503 when too many are being worked on. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await inTurn(() => argon2id(password, salt, COST, KEY_BYTES));
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(key)}`;
}

export interface PasswordVerdict {
  readonly isRight: boolean;
  /** It was right, and its hash is of an older or weaker kind. */
  readonly isOutdated: boolean;
}

const WRONG: PasswordVerdict = { isRight: false, isOutdated: false };
const nobodysHash = hashPasswordLazily();

/**
 * Whether this is the password behind a stored hash: argon2id, LiteLLM's `scrypt:`, or its older bare SHA-256. Without a hash it works
 * as long as with one and answers no, so that nobody learns from the time who has an account.
 */
export async function verifyPassword(
  stored: string | null | undefined,
  password: string,
): Promise<PasswordVerdict> {
  if (password.length > LONGEST_PASSWORD) return WRONG;
  const hash = stored ?? (await nobodysHash());
  const isRight = await isPasswordOf(hash, password);
  if (stored === null || stored === undefined || !isRight) {
    // Bare hashes are compared at once: what is missing of the usual time is spent here.
    if (!isRight && !hash.startsWith('$argon2id$')) await isPasswordOf(await nobodysHash(), password);
    return WRONG;
  }
  return { isRight, isOutdated: !isOfToday(hash) };
}

async function isPasswordOf(hash: string, password: string): Promise<boolean> {
  const phc = PHC.exec(hash);
  if (phc) {
    const [, memory, passes, parallelism, salt = '', key = ''] = phc;
    const wanted = Buffer.from(key, 'base64');
    const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
    return isSame(
      await inTurn(() => argon2id(password, Buffer.from(salt, 'base64'), cost, wanted.length)),
      wanted,
    );
  }
  if (hash.startsWith(SCRYPT.prefix)) {
    const bytes = Buffer.from(hash.slice(SCRYPT.prefix.length), 'base64');
    if (bytes.length !== SALT_BYTES + KEY_BYTES) return false;
    const wanted = bytes.subarray(SALT_BYTES);
    // Rows of LiteLLM were made from the text as typed, those of our first release from its normal form.
    for (const form of new Set([password, password.normalize('NFKC')]))
      if (isSame(await inTurn(() => scryptOf(form, bytes.subarray(0, SALT_BYTES))), wanted)) return true;
    return false;
  }
  if (!/^[0-9a-f]{64}$/.test(hash)) return false;
  return isSame(createHash('sha256').update(password).digest(), Buffer.from(hash, 'hex'));
}

/** Of this kind and at least of today's cost. */
function isOfToday(hash: string): boolean {
  const [, memory, passes] = PHC.exec(hash) ?? [];
  return Number(memory) >= COST.memory && Number(passes) >= COST.passes;
}

function argon2id(
  password: string,
  nonce: Buffer,
  cost: { readonly memory: number; readonly passes: number; readonly parallelism: number },
  tagLength: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      { message: password.normalize('NFKC'), nonce, tagLength, ...cost },
      (error, derived) => (error ? reject(error) : resolve(derived)),
    );
  });
}

function scryptOf(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, SCRYPT, (error, derived) => (error ? reject(error) : resolve(derived)));
  });
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= MOST_AT_ONCE) {
    if (waiting.length >= MOST_WAITING)
      throw new GatewayError(
        'server.overloaded',
        'Too many people are signing in at this moment; try again shortly.',
        {
          headers: { 'retry-after': '2' },
        },
      );
    // Whoever ends hands its place over, so nobody can overtake.
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/** The hash of a text that nobody knows, made when it is first needed. */
function hashPasswordLazily(): () => Promise<string> {
  let made: Promise<string> | undefined;
  return () => (made ??= hashPassword(randomBytes(32).toString('base64')));
}

function isSame(given: Buffer, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
