import { deserialize, serialize } from 'node:v8';
import { isOutage } from '#libs/database';
import { GatewayError, type Principal } from '#libs/kernel';
import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { admin } from '../../../../test/harness/tenancy.js';
import { receivedFailure, sentFailure } from './failures.js';
import { receivedCaller, sentCaller } from './messages.js';

/** What a message between processes does to a value. */
const crossed = (thrown: unknown): Error => receivedFailure(deserialize(serialize(sentFailure(thrown))));

describe('what crosses from the reading process', () => {
  it('is the same refusal', () => {
    const refusal = new GatewayError('request.bad_field', 'Send a day.', {
      param: 'start_date',
      internal: 'for the log',
      headers: { 'retry-after': '5' },
      detail: 'Send a day.',
    });
    const there = crossed(refusal) as GatewayError;
    expect(there).toBeInstanceOf(GatewayError);
    expect({ ...there, message: there.message }).toEqual({ ...refusal, message: refusal.message });
  });

  it('is still an outage, and never a refusal', () => {
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(isOutage(crossed(new QueryFailedError('SELECT', [], away)))).toBe(true);
    expect(isOutage(crossed(new Error('a mistake of ours')))).toBe(false);
  });

  /** Statements carry hashes and e-mail addresses, and a log is read by more people than a database. */
  it('says nothing of what a failed statement asked for', () => {
    const failed = new QueryFailedError('SELECT $1', ['ann@one.org'], new Error('canceled'));
    expect(JSON.stringify(sentFailure(failed))).not.toContain('ann@one.org');
    expect(crossed(failed).message).toBe('canceled');
  });

  it('are callers with everything that is known of them, in each of their teams', () => {
    const other = { ...admin.principal, team: { id: 'blue' } };
    const caller: Principal = { ...admin.principal, alternatives: [other] };
    const there = receivedCaller(deserialize(serialize(sentCaller(caller))));
    expect(there.isCurrent()).toBe(true);
    expect(there.alternatives?.[0]?.isCurrent()).toBe(true);
    expect(sentCaller(there)).toEqual(sentCaller(caller));
  });
});
