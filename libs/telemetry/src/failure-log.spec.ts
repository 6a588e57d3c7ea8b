import { describe, expect, it } from 'vitest';
import { GatewayError } from '#libs/kernel';
import type { FailedCall } from './failure-log.js';
import { createLogger, FailureLog, MemorySink, registerSecret } from './index.js';

const NEST: FailedCall = { route: 'GET /key/info', requestId: 'req_1', isInAccessLog: false };
const LANE: FailedCall = { ...NEST, route: 'POST /v1/chat/completions', isInAccessLog: true };

/** The lines that a failure leaves. */
function told(error: GatewayError, call: FailedCall): Record<string, unknown>[] {
  const sink = new MemorySink();
  new FailureLog(createLogger({ level: 'info', json: true }, sink)).note(error, call);
  return sink.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a call that failed', () => {
  it('leaves one line with what was thrown, on every way in', () => {
    const error = new GatewayError('auth.store_unavailable', 'No connected db.', {
      cause: new Error('connect ECONNREFUSED'),
    });
    for (const call of [NEST, LANE])
      expect(told(error, call)).toEqual([
        expect.objectContaining({
          level: 'error',
          msg: 'No connected db.',
          route: call.route,
          request_id: 'req_1',
          code: 'auth.store_unavailable',
          err: expect.objectContaining({ message: 'connect ECONNREFUSED', stack: expect.any(String) }),
        }),
      ]);
  });

  it('leaves its stack where it is a defect of ours, although nothing else was thrown', () => {
    const error = new GatewayError('internal.unexpected', 'Internal server error', {
      internal: 'a refusal without limits',
    });
    for (const call of [NEST, LANE])
      expect(told(error, call)).toEqual([
        expect.objectContaining({
          msg: 'a refusal without limits',
          err: expect.objectContaining({ stack: expect.any(String) }),
        }),
      ]);
  });

  it('leaves no stack where we refused on purpose, and no second line where the access log has one', () => {
    const draining = new GatewayError('server.draining', 'The server is shutting down.');
    expect(told(draining, LANE)).toEqual([]);
    const [line, ...more] = told(draining, NEST);
    expect(more).toEqual([]);
    expect(line).toMatchObject({ code: 'server.draining', msg: 'The server is shutting down.' });
    expect(line).not.toHaveProperty('err');
    // A provider's own 500 is no defect of ours.
    const upstream = new GatewayError('upstream.rejected', 'the provider said: 500', { status: 500 });
    expect(told(upstream, LANE)).toEqual([]);
  });

  it('leaves nothing where the caller was wrong', () => {
    const refused = new GatewayError('request.invalid', 'no', { cause: new Error('why') });
    expect([...told(refused, NEST), ...told(refused, LANE)]).toEqual([]);
  });

  /** Attack: a driver's error quotes the connection string, a provider's the key it was sent. */
  it('never leaves a secret', () => {
    registerSecret('a-registered-canary');
    const cause = new Error('postgres://u:canary-of-a-password@db/x said no to a-registered-canary', {
      cause: { authorization: 'Bearer canary-of-a-header' },
    });
    const lines = JSON.stringify(told(new GatewayError('internal.unexpected', 'no', { cause }), NEST));
    expect(lines).toContain('said no to');
    expect(lines).not.toContain('canary');
  });
});
