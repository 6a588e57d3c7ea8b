/** Small enough for an idle process; a busy one doubles it a few times and stays there. */
const SMALLEST = 64;
/** The random end of an id; what comes before it says when it was made, and many are made at once. */
const HASHED_CHARACTERS = 10;

/**
 * A table of what passes through: entries that are put in, found and taken out again within milliseconds, all day. What the language
 * has for that is made for entries that stay. A `Map` leaves its old table pointing to the new one when it makes room, and once the first
 * of them is in the old generation, every table after it survives with all that was in flight when it was left; an object
 * keeps a copy of each name it ever had in the old generation, and making those cost as much as the rest of an admission. These are
 * two arrays that stay where they are, with open addressing: an entry is at the place its id names or behind it, without a gap.
 */
export class PassingTable<T> {
  #ids: (string | undefined)[] = new Array<undefined>(SMALLEST).fill(undefined);
  #entries: (T | undefined)[] = new Array<undefined>(SMALLEST).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): T | undefined {
    return this.#entries[this.#placeOf(id)];
  }

  /** `id` must not be in the table. */
  add(id: string, entry: T): void {
    // At most half full, so that places are found at once.
    if (this.#size * 2 >= this.#ids.length) this.#grow();
    this.#put(id, entry);
    this.#size += 1;
  }

  /** What was taken out; undefined when it was not there. */
  take(id: string): T | undefined {
    const place = this.#placeOf(id);
    const entry = this.#entries[place];
    if (entry === undefined) return undefined;
    this.#ids[place] = undefined;
    this.#entries[place] = undefined;
    this.#size -= 1;
    this.#closeGap(place);
    return entry;
  }

  /** Where `id` is; else the free place where it would be. */
  #placeOf(id: string): number {
    const ids = this.#ids;
    let place = homeOf(id, ids.length);
    for (let there = ids[place]; there !== undefined && there !== id; there = ids[place])
      place = (place + 1) & (ids.length - 1);
    return place;
  }

  #put(id: string, entry: T): void {
    const place = this.#placeOf(id);
    this.#ids[place] = id;
    this.#entries[place] = entry;
  }

  /** Whoever stands behind a gap may only be there because its place was taken: it is put again, as far as the next gap. */
  #closeGap(gap: number): void {
    const ids = this.#ids;
    const last = ids.length - 1;
    for (let place = (gap + 1) & last; ; place = (place + 1) & last) {
      const id = ids[place];
      const entry = this.#entries[place];
      if (id === undefined || entry === undefined) return;
      ids[place] = undefined;
      this.#entries[place] = undefined;
      this.#put(id, entry);
    }
  }

  #grow(): void {
    const [ids, entries] = [this.#ids, this.#entries];
    this.#ids = new Array<undefined>(ids.length * 2).fill(undefined);
    this.#entries = new Array<undefined>(ids.length * 2).fill(undefined);
    for (const [place, id] of ids.entries()) {
      const entry = entries[place];
      if (id !== undefined && entry !== undefined) this.#put(id, entry);
    }
  }
}

/** `places` is a power of two. */
function homeOf(id: string, places: number): number {
  let hash = 0;
  for (let at = Math.max(0, id.length - HASHED_CHARACTERS); at < id.length; at += 1)
    hash = Math.imul(hash, 31) + id.charCodeAt(at);
  return (hash ^ (hash >>> 15)) & (places - 1);
}
