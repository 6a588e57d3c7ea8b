import { createHash } from 'node:crypto';
import type { CheckpointSigner, TrustedKeys } from './chain.js';

/** The last line of an export: how many lines stand before it, and what they are. Whoever cuts or changes the file cannot write another. */
export interface ExportEnd {
  readonly lines: number;
  readonly sha256: string;
  /** ISO. */
  readonly at: string;
  readonly keyId: string;
  readonly signature: string;
}

/** The lines of an export as they go by, without their ends. */
export class ExportDigest {
  readonly #hash = createHash('sha256');
  #lines = 0;

  add(line: string): void {
    this.#hash.update(line).update('\n');
    this.#lines += 1;
  }

  /** Call it once, after the last line. */
  end(signer: CheckpointSigner, at: Date): ExportEnd {
    const facts = { lines: this.#lines, sha256: this.#hash.digest('hex'), at: at.toISOString() };
    return { ...facts, keyId: signer.keyId, signature: signer.signText(signedText(facts)) };
  }

  /** What is wrong with an export of these lines that ends like this, in a sentence. Call it once. */
  problemWith(end: ExportEnd | undefined, keys: TrustedKeys): string | undefined {
    if (end === undefined) return 'The export does not end with its signature (cut off).';
    const verdict = keys.judgeText(signedText(end), end);
    if (verdict === 'unknown_key') return 'The export was not signed with a key that is believed.';
    if (verdict === 'bad') return 'The signature at the end of the export is wrong (edited).';
    if (end.lines !== this.#lines || end.sha256 !== this.#hash.digest('hex'))
      return `The export is not the ${end.lines} lines that were signed (edited, removed or added).`;
    return undefined;
  }
}

function signedText({ lines, sha256, at }: Pick<ExportEnd, 'lines' | 'sha256' | 'at'>): string {
  return `tollgate audit export\n${lines}\n${sha256}\n${at}`;
}
