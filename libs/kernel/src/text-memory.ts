/**
 * What was made of texts that come back, in bounded memory: when as many are remembered as may be, they become the older half, and those of
 * them that are not asked for until the next turn are forgotten. So what is in use stays, and nothing has to be ordered for it; a
 * memory that starts anew when it is full forgets everybody as soon as one more is in use than it holds.
 */
export class TextMemory {
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  /** `make`: pure. Texts longer than `longest` are not remembered. */
  constructor(
    private readonly most: number,
    private readonly longest: number,
    private readonly make: (text: string) => string,
  ) {}

  /** What is made of the text. */
  of(text: string): string {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const made = this.#old.get(text) ?? this.make(text);
    if (text.length <= this.longest) this.#keep(text, made);
    return made;
  }

  #keep(text: string, made: string): void {
    if (this.#young.size >= this.most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, made);
  }
}
