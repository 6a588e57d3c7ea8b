import { describe, expect, it } from 'vitest';
import { isStorableText } from './storable-text.js';

describe('text that PostgreSQL keeps as it is', () => {
  it.each(['', 'plain', 'ü 你好 👩‍👩‍👧', 'two\nlines\u0001', '\ufffd'])('is %j', (text) => {
    expect(isStorableText(text)).toBe(true);
  });

  it.each(['\0', 'a\0b', '\ud800', 'x\udc00', '\udc00\ud800'])('is not %j', (text) => {
    expect(isStorableText(text)).toBe(false);
  });
});
