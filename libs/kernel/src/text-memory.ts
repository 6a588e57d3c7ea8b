/**
 * What was made of texts that come back, in bounded memory: when as many are remembered as may be, they become the older half, and those of
 * them that are not asked for until the next turn are forgotten. So what is in use stays, and nothing has to be ordered for it; a
 * memory that starts anew when it is full forgets everybody as soon as one more is in use than it holds.
 */
export class TextMemory {
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  /** Texts longer than `longest` are not remembered. */
  constructor(
    private readonly most: number,
    private readonly longest: number,
  ) {}

  get(text: string): string | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const old = this.#old.get(text);
    if (old !== undefined) this.set(text, old);
    return old;
  }

  set(text: string, made: string): void {
    if (text.length > this.longest) return;
    if (this.#young.size >= this.most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, made);
  }
}
