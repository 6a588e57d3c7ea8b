import type { Asked } from './callers.js';
import type { Scope } from './company.js';

/** Counted a little shorter than a minute: the product counts by its own clock, from when it decides. */
const CERTAINLY_WITHIN_MS = 58_000;
const PERHAPS_WITHIN_MS = 62_000;

interface Taken {
  readonly atMs: number;
  readonly by: Asked;
  /** It may have been counted, and may have been forgotten. */
  isDoubtful: boolean;
}

/** Who asks for a count: what must have been taken, what may have been. */
export interface Counted {
  readonly least: number;
  readonly most: number;
}

/** How many requests were let in, scope by scope, as far as can be known from outside. */
export class Windows {
  readonly #taken = new Map<string, Taken[]>();

  take(scopes: readonly Scope[], atMs: number, by: Asked, isDoubtful: boolean): void {
    for (const scope of scopes) {
      const taken = this.#taken.get(nameOf(scope)) ?? [];
      taken.push({ atMs, by, isDoubtful });
      this.#taken.set(nameOf(scope), taken);
    }
  }

  /** Counters in memory died with their process. */
  forget(): void {
    this.#taken.clear();
  }

  /** What only these still knew may be forgotten. */
  doubt(isForgotten: (by: Asked) => boolean): void {
    for (const taken of this.#taken.values())
      for (const one of taken) if (isForgotten(one.by)) one.isDoubtful = true;
  }

  of(scope: Scope): Counted {
    const taken = this.#taken.get(nameOf(scope)) ?? [];
    const latest = Math.max(...taken.map(({ atMs }) => atMs), 0);
    return {
      least: taken.filter(({ atMs, isDoubtful }) => !isDoubtful && atMs > latest - CERTAINLY_WITHIN_MS)
        .length,
      most: taken.filter(({ atMs }) => atMs > Date.now() - PERHAPS_WITHIN_MS - STEP_MS).length,
    };
  }

  /** Nothing that was taken can have left a window yet. */
  areYoung(): boolean {
    const times = [...this.#taken.values()].flat().map(({ atMs }) => atMs);
    return Math.min(...times, Date.now()) > Date.now() - 45_000;
  }
}

/** A step lasts at most so long; what it is judged by may have left the window since. */
const STEP_MS = 20_000;

function nameOf({ type, id }: Scope): string {
  return `${type}/${id}`;
}
