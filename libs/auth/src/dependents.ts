import type { CompiledKey } from './compiled-key.js';

/** Which compiled keys were made from a row. Most rows have one key: a Set is made only for the second. */
export class Dependents {
  readonly #byRow = new Map<string, CompiledKey | Set<CompiledKey>>();

  add(compiled: CompiledKey): void {
    for (const row of compiled.dependencies) {
      const present = this.#byRow.get(row);
      if (present === undefined) this.#byRow.set(row, compiled);
      else if (present instanceof Set) present.add(compiled);
      else if (present !== compiled) this.#byRow.set(row, new Set([present, compiled]));
    }
  }

  remove(compiled: CompiledKey): void {
    for (const row of compiled.dependencies) {
      const present = this.#byRow.get(row);
      if (present === compiled) this.#byRow.delete(row);
      else if (present instanceof Set && present.delete(compiled) && present.size === 0)
        this.#byRow.delete(row);
    }
  }

  of(row: string): readonly CompiledKey[] {
    const present = this.#byRow.get(row);
    if (present === undefined) return [];
    return present instanceof Set ? [...present] : [present];
  }

  get size(): number {
    return this.#byRow.size;
  }
}
