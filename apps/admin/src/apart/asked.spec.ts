import { describe, expect, it } from 'vitest';
import { Asked } from './asked.js';

const text = async (asked: Asked): Promise<string> =>
  Buffer.concat(await (await asked.answer).getStream().toArray()).toString();

describe('what was asked of the reading process', () => {
  it('is answered with all pieces in their order, and is over with the last', async () => {
    const asked = new Asked([]);
    asked.answered(6, []);
    expect(asked.piece(Buffer.from('[1,'))).toBe(false);
    expect(asked.piece(Buffer.from('2 ]'))).toBe(true);
    expect(await text(asked)).toBe('[1,2 ]');
  });

  it('is refused when it fails before there is an answer', async () => {
    const asked = new Asked([]);
    asked.failed(new Error('gone'));
    await expect(asked.answer).rejects.toThrow('gone');
  });

  /** Half a list must not be taken for a whole one. */
  it('is cut when it fails in the middle of its answer', async () => {
    const asked = new Asked([]);
    asked.answered(6, []);
    asked.piece(Buffer.from('[1,'));
    asked.failed(new Error('gone'));
    await expect(text(asked)).rejects.toThrow('gone');
  });

  it('takes no more for a client that is gone', async () => {
    const asked = new Asked([]);
    asked.answered(6, []);
    const stream = (await asked.answer).getStream();
    stream.destroy();
    expect(asked.piece(Buffer.from('[1,'))).toBe(false);
    expect(asked.piece(Buffer.from('2 ]'))).toBe(true);
    expect(stream.readableLength).toBe(0);
  });
});
