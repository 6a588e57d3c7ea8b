import { inspect } from 'node:util';
import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { parseConnectionUrl } from './connection-url.js';

const parse = (url: string) => parseConnectionUrl(new Secret(url));

describe('a database URL', () => {
  it('is read with everything it says', () => {
    const target = parse(
      'postgresql://us%40er:p%3Aw%2F@db.example:6543/name?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x&connect_timeout=3',
    );
    expect(target).toMatchObject({
      host: 'db.example',
      port: 6543,
      user: 'us@er',
      database: 'name',
      sslMode: 'verify-full',
      rootCertificate: '/ca.pem',
      applicationName: 'x',
      connectTimeoutMs: 3_000,
    });
    expect(target.password?.reveal()).toBe('p:w/');
  });

  it.each([
    ['postgres://h/d', 'h', 5432],
    ['postgres://u@[::1]:7/d', '::1', 7],
    ['postgres://u@/d?host=/run/postgresql', '/run/postgresql', 5432],
    ['postgres:///d?host=/run/postgresql&port=5433', '/run/postgresql', 5433],
    ['postgres://u@%2Frun%2Fpostgresql/d', '/run/postgresql', 5432],
  ])('%s names its server', (url, host, port) => {
    expect(parse(url)).toMatchObject({ host, port, database: 'd' });
  });

  it('means prefer when it says no sslmode, as libpq does, and ignores the parameters of other drivers', () => {
    expect(parse('postgres://h/d?connection_limit=5&pgbouncer=true&pool_timeout=1').sslMode).toBe('prefer');
    expect(parse('postgres://h/d?sslrootcert=system').sslMode).toBe('verify-full');
    expect(parse('postgres://h/d?schema=litellm').options).toBe('-c search_path=litellm');
  });

  /** A URL that does not parse is what an operator pastes into an issue. */
  it.each([
    'mysql://u:s3cret@h/d',
    'postgres://u:s3cret@h:port/d',
    'postgres://u:s3cret@h:99999/d',
    'postgres://u:s3cret%zz@h/d',
    'postgres://u:s3cret@h/d?sslmode=verify_full',
    'postgres://u:s3cret@h/d?sslmode=require&sslrootcert=system',
    'postgres://u:s3cret@h/d?schema=a;drop',
    'postgres://u:s3cret@/d',
  ])('is refused without showing the password: %s', (url) => {
    const refuse = (): unknown => parse(url);
    expect(refuse).toThrow();
    try {
      refuse();
    } catch (error) {
      expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
    }
  });

  it('never prints its password', () => {
    expect(inspect(parse('postgres://u:s3cret@h/d'))).not.toContain('s3cret');
    expect(JSON.stringify(parse('postgres://u:s3cret@h/d'))).not.toContain('s3cret');
  });
});
