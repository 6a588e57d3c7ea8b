import { createHmac } from 'node:crypto';

export type PseudonymKind = 'ip' | 'user' | 'email' | 'customer' | 'agent' | 'name';

/** Callers choose some of these texts, so the memory of them is bounded; then it starts anew. */
const MAX_KNOWN = 10_000;

/**
 * What stands in logs instead of who it was, when the operator wants that: the same text for the same person, so that lines can
 * be told to belong together, and of no use to somebody without the installation's key. Off, everything stays as it is.
 */
export class Pseudonyms {
  readonly #known = new Map<string, string>();

  constructor(private readonly key: Buffer | undefined) {}

  get areOn(): boolean {
    return this.key !== undefined;
  }

  /** A pseudonym is its own. Costs a look-up from the second time on. */
  of<Text extends string | null | undefined>(kind: PseudonymKind, text: Text): Text | string {
    const { key } = this;
    if (key === undefined || text === null || text === undefined || text === '' || isPseudonym(text))
      return text;
    const name = `${kind}:${text}`;
    let pseudonym = this.#known.get(name);
    if (pseudonym === undefined) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      pseudonym = `anon-${kind}-${createHmac('sha256', key).update(name).digest('hex').slice(0, 16)}`;
      this.#known.set(name, pseudonym);
    }
    return pseudonym;
  }
}

function isPseudonym(text: string): boolean {
  return text.startsWith('anon-') && /^anon-[a-z]+-[0-9a-f]{16}$/.test(text);
}
