import type { OutputAllowance } from './upstream.js';

/** Vocabularies differ, and text counted in pieces has a few tokens more: an honest answer must never be cut. */
const SLACK_SHARE = 0.01;
const SLACK_TOKENS = 4;
/** Until the vocabulary is there: more bytes a token than any language has on average. */
const MOST_BYTES_PER_TOKEN = 8;

/**
 * Notices that a stream has said more than what is held for it pays. No token is shorter than a byte, so nothing is counted
 * until there are as many bytes as tokens are left; then the text since the last count is. That makes a handful of counts
 * in a whole answer.
 */
export class OutputGuard {
  readonly #most: number;
  #counted = 0;
  #pending: string[] = [];
  #pendingBytes = 0;

  constructor(readonly allowance: OutputAllowance) {
    // The vocabulary is loaded while the provider thinks: the first stream of a process would else be over before it is there.
    allowance.count('');
    this.#most = Math.ceil(allowance.tokens * (1 + SLACK_SHARE + allowance.extraSlack)) + SLACK_TOKENS;
  }

  /** Tokens that went by. */
  get tokens(): number {
    this.#count();
    return this.#counted;
  }

  /** Takes the texts of frames that are about to be passed on; false when they are too much, and then nothing is taken. */
  take(texts: readonly string[], bytes: number): boolean {
    if (bytes === 0) return true;
    if (this.#counted + this.#pendingBytes + bytes > this.#most) {
      this.#count();
      if (this.#counted + bytes > this.#most && this.#counted + this.#tokensOf(texts, bytes) > this.#most)
        return false;
    }
    for (const text of texts) this.#pending.push(text);
    this.#pendingBytes += bytes;
    return true;
  }

  #count(): void {
    if (this.#pendingBytes === 0) return;
    this.#counted += this.#tokensOf(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #tokensOf(texts: readonly string[], bytes: number): number {
    return this.allowance.count(unescaped(texts.join(''))) ?? Math.ceil(bytes / MOST_BYTES_PER_TOKEN);
  }
}

/** The text behind JSON's escapes; `written` is its bytes, one character each. */
function unescaped(written: string): string {
  const text = Buffer.from(written, 'latin1').toString('utf8');
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text; // Cut in the middle of an escape: a few characters more.
    throw thrown;
  }
}
