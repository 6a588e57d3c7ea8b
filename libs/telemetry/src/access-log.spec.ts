import { describe, expect, it } from 'vitest';
import { ManualClock, parseUsd } from '#libs/kernel';
import { greppableWords } from './greppable-words.js';
import { AccessLog, MemorySink } from './index.js';
import { maskKey } from './mask-key.js';

const entry = {
  method: 'POST',
  route: '/v1/chat/completions',
  status: 200,
  durationMs: 12.345,
  requestId: 'r-1',
};
const logOf = (json: boolean, level: 'info' | 'warn' = 'info') => {
  const sink = new MemorySink();
  return { sink, log: new AccessLog(sink, new ManualClock(), { level, json }) };
};

describe('the access log', () => {
  it('writes one JSON line a request with what it cost', () => {
    const { sink, log } = logOf(true);
    log.write({ ...entry, key: 'sk-...abcd', model: 'gpt-4', costNanoUsd: parseUsd('0.0000125') });
    log.flush();
    expect(JSON.parse(sink.text)).toEqual({
      level: 'info',
      time: '2026-01-01T00:00:00.000Z',
      msg: 'request',
      method: 'POST',
      route: '/v1/chat/completions',
      status: 200,
      duration_ms: 12.35,
      request_id: 'r-1',
      key: 'sk-...abcd',
      model: 'gpt-4',
      cost_usd: 0.0000125,
    });
  });

  it('writes the lines of one turn together and in order', async () => {
    const { sink, log } = logOf(true);
    let writes = 0;
    const original = sink.write.bind(sink);
    sink.write = (lines) => {
      writes += 1;
      original(lines);
    };
    for (let i = 0; i < 5; i += 1) log.write({ ...entry, requestId: `r-${i}` });
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toBe(1);
    expect(sink.text.match(/r-\d/g)).toEqual(['r-0', 'r-1', 'r-2', 'r-3', 'r-4']);
  });

  it.each([
    ['auth.credential_unknown', 401, 'Authentication failed'],
    ['auth.key_expired', 401, 'Token Expired'],
    ['ratelimit.exceeded', 429, 'rate_limit_exceeded'],
    ['routing.model_unknown', 400, 'model not found'],
  ] as const)('carries the words operators search for: %s', (errorCode, status, words) => {
    for (const json of [true, false]) {
      const { sink, log } = logOf(json, 'warn');
      log.write({ ...entry, status, errorCode });
      log.flush();
      expect(sink.text).toContain(words);
    }
  });

  /** The attack: a caller puts a line break or somebody's key into the model name. */
  it('cannot be forged or made to leak by a model name', () => {
    for (const json of [true, false]) {
      const { sink, log } = logOf(json);
      for (let i = 0; i < 2; i += 1)
        log.write({ ...entry, model: `x","level":"fatal"\n{"sk-abcdefghijklmnop9876` });
      log.flush();
      expect(sink.text.trimEnd().split('\n')).toHaveLength(2);
      expect(sink.text).not.toContain('abcdefghijklmnop');
      if (json) expect(JSON.parse(sink.text.split('\n')[0] ?? '')).toMatchObject({ level: 'info' });
    }
  });

  it('is quiet about successes when only warnings are wanted', () => {
    const { sink, log } = logOf(true, 'warn');
    log.write(entry);
    log.write({ ...entry, status: 503 });
    log.flush();
    expect(sink.text.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('the words for a failure', () => {
  it('never call an outage a failed authentication', () => {
    expect(greppableWords('auth.store_unavailable')).toBeUndefined();
    expect(greppableWords('internal.unexpected')).toBeUndefined();
  });
});

describe('a key that is shown', () => {
  it('is its last four characters, and nothing of a short one', () => {
    expect(maskKey('sk-abcdefghijklmnop')).toBe('sk-...mnop');
    expect(maskKey('sk-abcdefgh')).toBe('sk-...');
  });
});
