import type { Author } from '#libs/tenancy';
import { describe, expect, it } from 'vitest';
import { assertCallerStaysIn } from './setting-locks.js';

const from = (ip: string | null): Author => ({ principal: {} as Author['principal'], ip, requestId: null });
const allowing = (value: unknown) => ({ section: 'general_settings' as const, field: 'allowed_ips', value });

/** An administrator who stores a list without himself can never take it back: the list binds the master key too. */
describe('a list of addresses', () => {
  it.each([
    ['10.1.2.3', ['10.0.0.0/8']],
    ['10.1.2.3', ['192.0.2.1', '10.1.2.3']],
    ['127.0.0.1', ['::1']],
    ['10.1.2.3', ['::ffff:10.0.0.0/104']],
    ['2001:db8::1', ['2001:db8::/32']],
  ])('may be stored by %s when it is %j', (ip, ranges) => {
    expect(() => assertCallerStaysIn(allowing(ranges), from(ip))).not.toThrow();
  });

  it.each([
    ['10.1.2.3', []],
    ['10.1.2.3', ['192.0.2.0/24']],
    ['2001:db8::1', ['10.0.0.0/8']],
    [null, ['0.0.0.0/0']],
  ])('may not be stored by %s when it is %j', (ip, ranges) => {
    expect(() => assertCallerStaysIn(allowing(ranges), from(ip))).toThrow('lock yourself out');
  });
});

describe('a list of routes', () => {
  it('holds the way back', () => {
    const routes = (value: string[]) => ({
      section: 'general_settings' as const,
      field: 'allowed_routes',
      value,
    });
    expect(() => assertCallerStaysIn(routes(['/v1/chat/completions']), from('127.0.0.1'))).toThrow(
      'change it back',
    );
    expect(() =>
      assertCallerStaysIn(routes(['/v1/chat/completions', '/config/update']), from('127.0.0.1')),
    ).not.toThrow();
  });
});
