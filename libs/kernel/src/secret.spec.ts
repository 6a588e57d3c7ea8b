import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from './secret.js';

describe('a secret', () => {
  const secret = new Secret('hunter2');

  it('is said only when asked for out loud', () => {
    const said = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      `${secret}`,
    ];
    expect(said.join(' ')).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});
