/** Cells per window: whole cells of 1/120 lose 0.6 % of steady traffic and never let a burst through at an edge. */
const CELLS = 120;

/** Amounts share a double with their cell's slot (7 bits); larger limits than this are no limits. */
export const MAX_AMOUNT = 2 ** 45;

/** How long one of its cells is, and how many later the first of them has left. */
export function cellsOf(windowMs: number): { readonly cellMs: number; readonly span: number } {
  const cellMs = Math.max(1, Math.ceil(windowMs / CELLS));
  return { cellMs, span: Math.ceil(windowMs / cellMs) + 1 };
}

const SLOTS = 128;
const SLOT_MASK = SLOTS - 1;
const SMALLEST_RING = 4;

/**
 * Amounts of the last window, in cells of 1/120 of it. A cell leaves only when it is wholly older than the window, so
 * that no interval of the window's length, however aligned, ever holds more than was let in by the running total.
 *
 * Only cells in use take memory: a ring of doubles, each `amount * 128 + cell % 128`, grown from 4 entries to at most
 * 128. Every operation is O(1) amortised, `settle` O(log cells), `retryAfterMs` O(cells). Time never runs backwards:
 * an older instant counts as the newest one seen.
 */
export class SlidingWindow {
  readonly #cellMs: number;
  /** A cell `c` has left when the current cell is at least `c + #span`. */
  readonly #span: number;
  #ring: number[] = [0, 0, 0, 0];
  #head = 0;
  #size = 0;
  #newestCell = 0;
  #total = 0;

  constructor(readonly windowMs: number) {
    const { cellMs, span } = cellsOf(windowMs);
    this.#cellMs = cellMs;
    this.#span = span;
  }

  /** What stands in the window at that instant. */
  totalAt(nowMs: number): number {
    this.#expire(nowMs);
    return this.#total;
  }

  /** Adds without asking, and returns the cell to settle in. */
  add(nowMs: number, amount: number): number {
    const cell = this.#expire(nowMs);
    this.#total += amount;
    const last = (this.#head + this.#size - 1) & (this.#ring.length - 1);
    if (this.#size > 0 && cell === this.#newestCell) {
      this.#ring[last] = (this.#ring[last] ?? 0) + amount * SLOTS;
      return cell;
    }
    if (this.#size === this.#ring.length) this.#grow();
    this.#newestCell = cell;
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = amount * SLOTS + (cell & SLOT_MASK);
    this.#size += 1;
    return cell;
  }

  /** Changes what one cell holds, never below zero. A cell that has left is left alone. */
  settle(cell: number, delta: number): void {
    let low = 0;
    let high = this.#size - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#cellAt(middle);
      if (found < cell) low = middle + 1;
      else if (found > cell) high = middle - 1;
      else {
        const change = Math.max(delta, -this.#amountAt(middle));
        const index = (this.#head + middle) & (this.#ring.length - 1);
        this.#ring[index] = (this.#ring[index] ?? 0) + change * SLOTS;
        this.#total += change;
        return;
      }
    }
  }

  /** When `amount` would fit under `limit` if nothing else came; undefined when it never would. */
  retryAfterMs(nowMs: number, amount: number, limit: number): number | undefined {
    if (amount > limit) return undefined;
    this.#expire(nowMs);
    let tooMuch = this.#total + amount - limit;
    if (tooMuch <= 0) return 0;
    for (let i = 0; i < this.#size; i += 1) {
      tooMuch -= this.#amountAt(i);
      if (tooMuch <= 0) return Math.ceil((this.#cellAt(i) + this.#span) * this.#cellMs - nowMs);
    }
    return 0;
  }

  /** What stands in each cell, and how long ago the cell began. */
  cellsAt(nowMs: number): (readonly [ageMs: number, amount: number])[] {
    this.#expire(nowMs);
    const cells: (readonly [number, number])[] = [];
    for (let i = 0; i < this.#size; i += 1)
      cells.push([nowMs - this.#cellAt(i) * this.#cellMs, this.#amountAt(i)]);
    return cells;
  }

  /** Nothing is left in it, so that it may be dropped. */
  isEmptyAt(nowMs: number): boolean {
    this.#expire(nowMs);
    return this.#size === 0;
  }

  #expire(nowMs: number): number {
    const cell = Math.max(Math.floor(nowMs / this.#cellMs), this.#newestCell);
    while (this.#size > 0 && this.#cellAt(0) + this.#span <= cell) {
      this.#total -= this.#amountAt(0);
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#size -= 1;
    }
    return cell;
  }

  #entryAt(position: number): number {
    return this.#ring[(this.#head + position) & (this.#ring.length - 1)] ?? 0;
  }

  #amountAt(position: number): number {
    return Math.floor(this.#entryAt(position) / SLOTS);
  }

  /** All entries lie within 128 cells of the newest, so the low bits tell which one it is. */
  #cellAt(position: number): number {
    return this.#newestCell - ((this.#newestCell - this.#entryAt(position)) & SLOT_MASK);
  }

  #grow(): void {
    const grown = new Array<number>(Math.max(SMALLEST_RING, this.#ring.length * 2)).fill(0);
    for (let i = 0; i < this.#size; i += 1) grown[i] = this.#entryAt(i);
    this.#ring = grown;
    this.#head = 0;
  }
}
