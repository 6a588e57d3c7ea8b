import { describe, expect, it } from 'vitest';
import { TextMemory } from './text-memory.js';

describe('what was made of texts that come back', () => {
  it('keeps what is asked for, however many others come', () => {
    const memory = new TextMemory(10, 20);
    memory.set('in use', 'made');
    for (let other = 0; other < 1_000; other += 1) {
      memory.set(`other ${other}`, 'x');
      expect(memory.get('in use')).toBe('made');
    }
  });

  it('forgets what nobody asks for, so that callers who invent texts fill no memory', () => {
    const memory = new TextMemory(10, 20);
    for (let other = 0; other < 1_000; other += 1) memory.set(`other ${other}`, 'x');
    const remembered = Array.from({ length: 1_000 }, (_, other) => memory.get(`other ${other}`));
    expect(remembered.filter((made) => made !== undefined).length).toBeLessThanOrEqual(20);
    expect(memory.get('other 999')).toBe('x');
  });

  it('does not keep long texts', () => {
    const memory = new TextMemory(10, 20);
    memory.set('x'.repeat(21), 'made');
    expect(memory.get('x'.repeat(21))).toBeUndefined();
  });
});
