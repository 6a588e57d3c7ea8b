import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/kernel';
import { BURST_FAILURES, BURST_WINDOW_MS, networkOf, SuspiciousActivity } from './suspicious-activity.js';

/** The attack: somebody guesses keys, or uses a stolen one from elsewhere. */
describe('suspicious activity', () => {
  it('is told once a window when one source keeps failing', () => {
    const clock = new ManualClock();
    const activity = new SuspiciousActivity(clock);
    const told = Array.from({ length: 50 }, () => activity.authenticationFailed('203.0.113.9')).filter(
      Boolean,
    );
    expect(told).toHaveLength(1);
    expect(told[0]?.message).toContain('suspicious-activity');
    clock.advance(BURST_WINDOW_MS);
    const again = Array.from({ length: BURST_FAILURES }, () =>
      activity.authenticationFailed('203.0.113.9'),
    ).filter(Boolean);
    expect(again).toHaveLength(1);
  });

  it('is not told of a few mistakes, nor of many spread over time or sources', () => {
    const clock = new ManualClock();
    const activity = new SuspiciousActivity(clock);
    for (let i = 0; i < BURST_FAILURES - 1; i += 1)
      expect(activity.authenticationFailed('203.0.113.9')).toBeUndefined();
    for (let i = 0; i < 100; i += 1) {
      clock.advance(BURST_WINDOW_MS / 5);
      expect(activity.authenticationFailed('198.51.100.7')).toBeUndefined();
      expect(activity.authenticationFailed(`192.0.2.${i}`)).toBeUndefined();
    }
  });

  it('counts all addresses of one IPv6 customer together', () => {
    const activity = new SuspiciousActivity(new ManualClock());
    const told = Array.from({ length: BURST_FAILURES }, (_, i) =>
      activity.authenticationFailed(`2001:db8:1:2::${i + 1}`),
    ).filter(Boolean);
    expect(told).toHaveLength(1);
  });

  it('is told when a key turns up in a network it was not used from, once a network', () => {
    const activity = new SuspiciousActivity(new ManualClock());
    expect(activity.keyUsed('key_1', '10.1.2.3')).toBeUndefined();
    expect(activity.keyUsed('key_1', '10.1.2.99')).toBeUndefined();
    expect(activity.keyUsed('key_1', '::ffff:10.1.2.4')).toBeUndefined();
    expect(activity.keyUsed('key_1', '203.0.113.9')).toMatchObject({ kind: 'new_network', keyId: 'key_1' });
    expect(activity.keyUsed('key_1', '203.0.113.10')).toBeUndefined();
    expect(activity.keyUsed('key_1', '10.1.2.3')).toBeUndefined();
    expect(activity.keyUsed('key_2', '203.0.113.9')).toBeUndefined();
  });

  it.each([
    ['10.1.2.3', '10.1.2.200', true],
    ['10.1.2.3', '10.1.3.3', false],
    ['2001:db8:1:2::1', '2001:db8:1:ffff::1', true],
    ['2001:db8:1::1', '2001:db8:2::1', false],
    ['::ffff:10.1.2.3', '10.1.2.9', true],
    ['not-an-address', 'not-an-address', true],
  ])('takes %s and %s for one network: %s', (one, other, same) => {
    expect(networkOf(one) === networkOf(other)).toBe(same);
  });
});
