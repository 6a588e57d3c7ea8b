import { describe, expect, it } from 'vitest';
import { TextMemory } from './text-memory.js';

/** A memory of ten texts of up to twenty characters, and which texts it had to make something of. */
function memoryOfTen(): { readonly memory: TextMemory; readonly made: string[] } {
  const made: string[] = [];
  const memory = new TextMemory(10, 20, (text) => {
    made.push(text);
    return `<${text}>`;
  });
  return { memory, made };
}

describe('what was made of texts that come back', () => {
  it('keeps what is asked for, however many others come', () => {
    const { memory, made } = memoryOfTen();
    for (let other = 0; other < 1_000; other += 1) {
      memory.of(`other ${other}`);
      expect(memory.of('in use')).toBe('<in use>');
    }
    expect(made.filter((text) => text === 'in use')).toHaveLength(1);
  });

  it('forgets what nobody asks for, so that callers who invent texts fill no memory', () => {
    const { memory, made } = memoryOfTen();
    for (let other = 0; other < 1_000; other += 1) memory.of(`other ${other}`);
    expect(memory.of('other 999')).toBe('<other 999>');
    expect(made).toHaveLength(1_000);
    // Backwards, so that asking moves nothing out that was still to be asked for.
    for (let other = 999; other >= 0; other -= 1) memory.of(`other ${other}`);
    expect(2_000 - made.length).toBeLessThanOrEqual(20);
  });

  it('does not keep long texts', () => {
    const { memory, made } = memoryOfTen();
    const long = 'x'.repeat(21);
    expect([memory.of(long), memory.of(long)]).toEqual([`<${long}>`, `<${long}>`]);
    expect(made).toEqual([long, long]);
  });
});
