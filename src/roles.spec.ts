import { describe, expect, it } from 'vitest';
import { parseRole, roleOf } from './roles.js';

describe('the role of a process', () => {
  it('is what the flag says, else TOLLGATE_ROLE, else everything', () => {
    expect(parseRole(roleOf('worker', { TOLLGATE_ROLE: 'admin' }))).toBe('worker');
    expect(parseRole(roleOf(undefined, { TOLLGATE_ROLE: 'admin' }))).toBe('admin');
    expect(parseRole(roleOf(undefined, { TOLLGATE_ROLE: ' ' }))).toBe('all');
    expect(parseRole(roleOf(undefined, {}))).toBe('all');
  });

  it('that does not exist is refused with those that do', () => {
    expect(() => parseRole('prxoy')).toThrow('must be one of all, proxy, admin, worker');
  });
});
