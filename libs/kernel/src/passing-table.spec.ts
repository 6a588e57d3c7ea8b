import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from './ids.js';
import { PassingTable } from './passing-table.js';

describe('a table of what passes through', () => {
  it('answers what a Map does, whatever is put in and taken out', () => {
    // Few ids of few letters: most of them share a place.
    const id = fc.stringMatching(/^[ab]{1,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('add', 'get', 'take'), id)), (steps) => {
        const table = new PassingTable<number>();
        const map = new Map<string, number>();
        for (const [index, [step, name]] of steps.entries()) {
          if (step === 'add' && !map.has(name)) {
            table.add(name, index);
            map.set(name, index);
          }
          expect(table.get(name)).toBe(map.get(name));
          if (step === 'take') {
            expect(table.take(name)).toBe(map.get(name));
            map.delete(name);
          }
          expect(table.size).toBe(map.size);
        }
        for (const [name, entry] of map) expect(table.get(name)).toBe(entry);
      }),
    );
  });

  it('finds all of thousands that are in flight at once, and is empty after them', () => {
    const table = new PassingTable<string>();
    const ids = Array.from({ length: 5_000 }, () => newId('req'));
    for (const id of ids) table.add(id, `entry of ${id}`);
    for (const id of ids) expect(table.get(id)).toBe(`entry of ${id}`);
    for (const id of ids) expect(table.take(id)).toBe(`entry of ${id}`);
    expect(table.size).toBe(0);
    for (const id of ids) expect(table.get(id)).toBeUndefined();
  });

  it('spreads ids that were made in the same millisecond', () => {
    const table = new PassingTable<number>();
    const beganAtMs = performance.now();
    for (let round = 0; round < 20; round += 1) {
      const ids = Array.from({ length: 2_000 }, () => `${newId('req', 1)}.1`);
      for (const id of ids) table.add(id, 1);
      for (const id of ids) table.take(id);
    }
    // 40,000 ids in one heap of places would take minutes.
    expect(performance.now() - beganAtMs).toBeLessThan(5_000);
  });
});
