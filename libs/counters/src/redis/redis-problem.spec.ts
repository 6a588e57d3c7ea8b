import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { redisProblem } from './redis-problem.js';

const url = new Secret('redis://:pw-nobody-may-read@cache:6390/1');
const coded = (code: string, message = ''): Error => Object.assign(new Error(message), { code });

/** Whoever reads one of these at night has no other page open. */
describe('what is said of a Redis that cannot be used', () => {
  it.each([
    [new Error('NOAUTH Authentication required.'), /Correct the password .*redis:\/\/:PASSWORD@HOST/, false],
    [new Error('WRONGPASS invalid username-password pair'), /Correct the password/, false],
    [new Error('ERR DB index is out of range'), /Correct the number at the end/, false],
    [coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate'), /REDIS_SSL_CA_CERTS/, false],
    [coded('ECONNREFUSED'), /Start it, or correct host and port/, true],
    [coded('ENOTFOUND', 'getaddrinfo ENOTFOUND cache'), /Correct the host/, true],
    [new Error('closed'), /For TLS say rediss:/, true],
    [new Error('LOADING Redis is loading the dataset in memory'), /wait a moment/, true],
    [new Error('OOM command not allowed when used memory > maxmemory'), /raise maxmemory/, true],
  ])('%s', (error, remedy, mayPass) => {
    const problem = redisProblem(error, url);
    expect(problem.text).toMatch(/^Redis \(REDIS_URL\) at cache:6390 cannot be used: /);
    expect(problem.text).toMatch(remedy);
    expect(problem.text).not.toContain('pw-nobody-may-read');
    expect(problem.mayPass).toBe(mayPass);
  });

  it('asks who says rediss whether there is TLS', () => {
    expect(redisProblem(coded('ETIMEDOUT'), new Secret('rediss://h')).text).toContain('say redis://');
  });
});
