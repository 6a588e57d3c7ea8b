import { ManualClock } from '#libs/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { AccessLog } from './access-log.js';
import { anonymizeLines } from './anonymous-lines.js';
import { MemorySink } from './log-sink.js';
import { createLogger } from './pino-logger.js';
import { Pseudonyms } from './pseudonyms.js';

const on = new Pseudonyms(Buffer.alloc(32, 1));
afterEach(() => anonymizeLines(undefined));

describe('pseudonyms', () => {
  it('are the same for the same person, and others for others, other kinds and other installations', () => {
    expect(on.of('user', 'ann')).toMatch(/^anon-user-[0-9a-f]{16}$/);
    expect(on.of('user', 'ann')).toBe(on.of('user', 'ann'));
    const others = [
      on.of('user', 'bob'),
      on.of('name', 'ann'),
      new Pseudonyms(Buffer.alloc(32, 2)).of('user', 'ann'),
    ];
    expect(others).not.toContain(on.of('user', 'ann'));
  });

  it('are their own pseudonyms, and nobody has none', () => {
    expect(on.of('user', on.of('user', 'ann'))).toBe(on.of('user', 'ann'));
    expect([on.of('user', null), on.of('user', undefined), on.of('user', '')]).toEqual([null, undefined, '']);
  });

  it('are nowhere when they are off', () => {
    expect(new Pseudonyms(undefined).of('user', 'ann')).toBe('ann');
  });
});

describe('lines that name nobody', () => {
  const lines = (write: (logger: ReturnType<typeof createLogger>) => void): string => {
    const sink = new MemorySink();
    write(createLogger({ level: 'trace', json: true }, sink));
    return sink.text;
  };

  it('have pseudonyms in fields that say who, at any depth, and in every text', () => {
    anonymizeLines(on);
    const text = lines((logger) =>
      logger.warn(
        {
          userId: 'ann',
          deep: { address: '203.0.113.7', customer_id: 'acme' },
          note: 'mail to ann@example.com',
        },
        'somebody came from 203.0.113.8',
      ),
    );
    for (const said of ['"ann"', '203.0.113', 'acme', 'example.com']) expect(text).not.toContain(said);
    expect(text).toContain('anon-user-');
  });

  it('leave alone what names nobody: versions, this machine, models', () => {
    anonymizeLines(on);
    const text = lines((logger) => logger.info({ model: 'gpt-4.1', at: '127.0.0.1' }, 'listens on 0.0.0.0'));
    for (const said of ['gpt-4.1', '127.0.0.1', '0.0.0.0']) expect(text).toContain(said);
  });

  it('hide the name of a key in the access line', () => {
    const sink = new MemorySink();
    const log = new AccessLog(sink, new ManualClock(), { level: 'info', json: true });
    anonymizeLines(on);
    log.write({ method: 'GET', route: '/', status: 200, durationMs: 1, requestId: 'r', key: 'anns-laptop' });
    log.flush();
    expect(sink.text).not.toContain('anns-laptop');
    expect(sink.text).toContain('anon-name-');
  });

  it('say everything while it is off', () => {
    expect(lines((logger) => logger.info({ userId: 'ann' }, 'from 203.0.113.8'))).toMatch(
      /ann.*203|203.*ann/,
    );
  });
});
