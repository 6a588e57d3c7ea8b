import { describe, expect, it } from 'vitest';
import { newId } from './ids.js';

describe('ids', () => {
  it('say what they name, sort by age and do not repeat', () => {
    const ids = Array.from({ length: 2_000 }, (_, i) => newId('req', 1_700_000_000_000 + i));
    expect(new Set(ids).size).toBe(2_000);
    expect([...ids].sort()).toEqual(ids);
    expect(ids[0]).toMatch(/^req_[0-9a-hjkmnp-z]{25}$/);
  });
});
