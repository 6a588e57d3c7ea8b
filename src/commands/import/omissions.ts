/** Says of one row that something of it is not carried over. */
export type Note = (what: string) => void;

/** What an import leaves behind: nothing is dropped without a line here. */
export class Omissions {
  readonly #named = new Map<string, Set<string>>();

  add(what: string, name: string): void {
    const names = this.#named.get(what);
    if (names) names.add(name);
    else this.#named.set(what, new Set([name]));
  }

  of(noun: string, name: string): Note {
    return (what) => this.add(`${noun}: ${what}`, name);
  }

  all(): { readonly what: string; readonly names: readonly string[] }[] {
    return [...this.#named]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, names]) => ({ what, names: [...names] }));
  }
}
