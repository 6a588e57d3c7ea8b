import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, TrustedKeys } from './chain.js';
import type { Chain } from './record.js';

const FOLDER = 'audit';
const CHECKPOINTS = 'checkpoints.jsonl';
const PUBLIC_KEYS = 'public-keys.pem';
/** Some 30,000 checkpoints; then every second of the older ones goes. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Checkpoints and public keys outside the database: whoever can change the rows there cannot change these. */
export class CheckpointFile {
  readonly #folder: string;
  /** Read once: only this process's worker appends to its data directory. */
  #latest: Map<Chain, Checkpoint> | undefined;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, FOLDER);
  }

  /** Appends; a missing folder is made. Throws when it cannot be written. */
  append(checkpoint: Checkpoint, publicKey: string): void {
    mkdirSync(this.#folder, { recursive: true });
    if (!this.#read(PUBLIC_KEYS).includes(publicKey.trim()))
      appendFileSync(this.#path(PUBLIC_KEYS), publicKey, { mode: 0o644 });
    appendFileSync(this.#path(CHECKPOINTS), `${checkpointLine(checkpoint)}\n`, { mode: 0o640 });
    this.#known().set(checkpoint.chain, checkpoint);
    this.#thin();
  }

  checkpoints(): Checkpoint[] {
    return this.#read(CHECKPOINTS)
      .split('\n')
      .flatMap((line) => {
        const checkpoint = line === '' ? undefined : parseCheckpoint(line);
        return checkpoint ? [checkpoint] : [];
      });
  }

  /** The furthest one of a chain when this was first asked, or what was appended since. */
  latest(chain: Chain): Checkpoint | undefined {
    return this.#known().get(chain);
  }

  #known(): Map<Chain, Checkpoint> {
    if (this.#latest) return this.#latest;
    this.#latest = new Map();
    for (const one of this.checkpoints()) {
      const best = this.#latest.get(one.chain);
      if (!best || best.seq < one.seq) this.#latest.set(one.chain, one);
    }
    return this.#latest;
  }

  trustedKeys(): TrustedKeys {
    return new TrustedKeys().add(this.#read(PUBLIC_KEYS));
  }

  #thin(): void {
    if (statSync(this.#path(CHECKPOINTS)).size <= MOST_BYTES) return;
    const lines = this.#read(CHECKPOINTS).trimEnd().split('\n');
    const kept = lines.filter((_, index) => index % 2 === 1 || index >= lines.length - 100);
    writeFileSync(this.#path(CHECKPOINTS), `${kept.join('\n')}\n`);
  }

  #read(name: string): string {
    try {
      return readFileSync(this.#path(name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

export function checkpointLine(checkpoint: Checkpoint): string {
  return JSON.stringify({ ...checkpoint, seq: checkpoint.seq.toString() });
}

/** Undefined for a line that is none: a torn last line after a crash is not a forgery. */
export function parseCheckpoint(line: string): Checkpoint | undefined {
  try {
    const parsed = JSON.parse(line) as Omit<Checkpoint, 'seq'> & { seq: string };
    return { ...parsed, seq: BigInt(parsed.seq) };
  } catch {
    return undefined;
  }
}
