import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createLogger, MemorySink, ProcessSink } from './index.js';

describe('the log', () => {
  it('is one JSON object a line when asked for', () => {
    const sink = new MemorySink();
    createLogger({ level: 'info', json: true }, sink).warn({ room: 'budget', left: 3 }, 'nearly used up');
    expect(JSON.parse(sink.text)).toMatchObject({
      level: 'warn',
      room: 'budget',
      left: 3,
      msg: 'nearly used up',
      time: expect.stringMatching(/Z$/),
    });
  });

  it('is one readable line otherwise, whatever the values hold', () => {
    const sink = new MemorySink();
    createLogger({ level: 'info', json: false }, sink).info({ model: 'a\nb', n: 1 }, 'first\nERROR forged');
    expect(sink.text).toMatch(/^\S+Z INFO {2}first ERROR forged model="a\\nb" n=1\n$/);
  });

  it('leaves out what is below its level', () => {
    const sink = new MemorySink();
    const logger = createLogger({ level: 'warn', json: true }, sink);
    logger.info({}, 'quiet');
    logger.debug({}, 'quiet');
    logger.error({}, 'loud');
    expect(sink.text).toContain('loud');
    expect(sink.text).not.toContain('quiet');
  });

  it('is also written to a file others cannot read, and is there when the call returns', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-log-'));
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      const file = join(folder, 'logs', 'gateway.log');
      const sink = new ProcessSink(file);
      createLogger({ level: 'info', json: true }, sink).info({}, 'durable');
      expect(readFileSync(file, 'utf8')).toContain('durable');
      expect(statSync(file).mode & 0o007).toBe(0);
      sink.close();
      expect(() => sink.write('after close\n')).not.toThrow();
    } finally {
      out.mockRestore();
      rmSync(folder, { recursive: true });
    }
  });
});
