import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { InstallationKey } from './installation-key.js';
import type { Chain } from './record.js';

export const CHAINS: readonly Chain[] = ['changes', 'access'];

/** What the first row of a chain builds on. */
export const CHAIN_START = '0'.repeat(64);

/** In place of a row's mac when somebody else than this product wrote it. */
export const FOREIGN = 'foreign';

/** The hash of a row: over the one before it, its place, and all that was written. */
export function chainHash(previous: string, seq: bigint, record: string, mac: string): string {
  return createHash('sha256').update(`${previous}\n${seq}\n${mac}\n${record}`).digest('hex');
}

/** How far a chain had come, signed. */
export interface Checkpoint {
  readonly chain: Chain;
  readonly seq: bigint;
  readonly hash: string;
  /** ISO. */
  readonly at: string;
  readonly keyId: string;
  readonly signature: string;
}

const PURPOSE = 'audit signature';
/** What precedes the 32 bytes of an Ed25519 key in PKCS#8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs checkpoints with the installation's key. */
export class CheckpointSigner {
  readonly #key: KeyObject;
  /** PEM; who has it can check every checkpoint and make none. */
  readonly publicKey: string;
  readonly keyId: string;

  constructor(key: InstallationKey) {
    this.#key = createPrivateKey({
      key: Buffer.concat([PKCS8, key.derive(PURPOSE)]),
      format: 'der',
      type: 'pkcs8',
    });
    const publicKey = createPublicKey(this.#key);
    this.publicKey = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.keyId = keyIdOf(publicKey);
  }

  sign(chain: Chain, seq: bigint, hash: string, at: Date): Checkpoint {
    const facts = { chain, seq, hash, at: at.toISOString(), keyId: this.keyId };
    return { ...facts, signature: this.signText(signedText(facts)) };
  }

  /** Texts of different kinds begin differently, so that a signature of one says nothing of another. */
  signText(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString('base64url');
  }
}

export type SignatureVerdict = 'good' | 'bad' | 'unknown_key';

/** Public keys that are believed, by id. */
export class TrustedKeys {
  readonly #keys = new Map<string, KeyObject>();

  /** Any text with PEM blocks of public keys in it. */
  add(pem: string): this {
    for (const [block] of pem.matchAll(/-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g)) {
      const key = createPublicKey(block);
      this.#keys.set(keyIdOf(key), key);
    }
    return this;
  }

  get size(): number {
    return this.#keys.size;
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  judge(checkpoint: Checkpoint): SignatureVerdict {
    return this.judgeText(signedText(checkpoint), checkpoint);
  }

  judgeText(text: string, { keyId, signature }: Pick<Checkpoint, 'keyId' | 'signature'>): SignatureVerdict {
    const key = this.#keys.get(keyId);
    if (!key) return 'unknown_key';
    return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url')) ? 'good' : 'bad';
  }
}

function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

function signedText({ chain, seq, hash, at }: Omit<Checkpoint, 'signature'>): string {
  return `tollgate audit checkpoint\n${chain}\n${seq}\n${hash}\n${at}`;
}
