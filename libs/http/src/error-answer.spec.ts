import { GatewayError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { errorAnswer } from './error-answer.js';

/** Without the name of the refusal, which is another one each time. */
function headersOf(error: GatewayError): object {
  const { 'x-tollgate-decision-id': _id, ...headers } = errorAnswer(error, 'openai').headers;
  return headers;
}

describe('whether a client should ask again', () => {
  const limited = (wait?: string) =>
    new GatewayError(
      'ratelimit.exceeded',
      'over',
      wait === undefined ? {} : { headers: { 'retry-after': wait } },
    );

  it('is no where waiting does not help, or takes longer than clients wait', () => {
    expect(headersOf(limited())).toEqual({ 'x-should-retry': 'false' });
    expect(headersOf(limited('121'))).toEqual({ 'retry-after': '121', 'x-should-retry': 'false' });
    const spent = { status: 429, headers: { 'retry-after': '86400' } };
    expect(headersOf(new GatewayError('budget.exceeded', 'spent', spent))).toMatchObject({
      'x-should-retry': 'false',
    });
  });

  it('is no for who is not known, may not or cannot pay', () => {
    for (const code of ['auth.credential_unknown', 'rbac.key_model_denied', 'budget.exceeded'] as const)
      expect(headersOf(new GatewayError(code, 'no'))).toEqual({ 'x-should-retry': 'false' });
  });

  it('is left to the client where the true time is within what it waits', () => {
    // A whole window of a minute, and the cell that it slides by.
    expect(headersOf(limited('61'))).toEqual({ 'retry-after': '61' });
    expect(headersOf(limited('120'))).toEqual({ 'retry-after': '120' });
    expect(headersOf(limited('1'))).toEqual({ 'retry-after': '1' });
  });

  it('is left to the client for what a provider said, and for every other status', () => {
    expect(headersOf(new GatewayError('upstream.rejected', 'busy', { status: 429 }))).toEqual({});
    expect(headersOf(new GatewayError('upstream.rejected', 'wrong key', { status: 401 }))).toEqual({});
    for (const code of ['upstream.unreachable', 'auth.store_unavailable', 'request.invalid'] as const)
      expect(headersOf(new GatewayError(code, 'no'))).toEqual({});
  });
});
