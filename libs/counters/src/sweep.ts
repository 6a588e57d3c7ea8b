const LEAST_PER_STEP = 256;
/** A whole pass takes about this many steps, so that no step is long. */
const STEPS_PER_PASS = 16;

/** Forgets entries of large maps a few at a time, each map from where the last step ended. */
export class Sweep {
  readonly #cursors = new WeakMap<object, MapIterator<[string, unknown]>>();

  some<T>(entries: Map<string, T>, isDroppable: (entry: T) => boolean): void {
    let budget = Math.max(LEAST_PER_STEP, Math.ceil(entries.size / STEPS_PER_PASS));
    const cursor = (this.#cursors.get(entries) ?? entries.entries()) as MapIterator<[string, T]>;
    for (; budget > 0; budget -= 1) {
      const next = cursor.next();
      if (next.done) {
        this.#cursors.delete(entries);
        return;
      }
      const [key, entry] = next.value;
      if (isDroppable(entry)) entries.delete(key);
    }
    this.#cursors.set(entries, cursor);
  }
}
