import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#libs/kernel';
import { ConfigFolder } from './config-folder.harness.js';
import { secretsOf } from './secrets-of.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

const endpoints = (...list: object[]): string =>
  JSON.stringify({ general_settings: { pass_through_endpoints: list } });
const load = async (endpoint: object, env: Record<string, string> = {}) =>
  folder.load(endpoints({ path: '/svc', target: 'https://t.example', ...endpoint }), env);
const headersOf = async (headers: object, env: Record<string, string> = {}) => {
  const { passThrough } = await load({ headers }, env);
  return passThrough[0]?.headers.map(([name, value]) => [
    name,
    value instanceof Secret ? value.reveal() : value,
  ]);
};

describe('the headers of a pass-through endpoint', () => {
  it('take variables wherever they stand', async () => {
    const env = { KEY: 'k1', USER_NAME: 'u', PASS: 'p' };
    expect(
      await headersOf(
        {
          Authorization: 'bearer os.environ/KEY',
          'X-Whole': 'os.environ/KEY',
          'X-Two': 'os.environ/USER_NAME:os.environ/PASS',
          'content-type': 'application/json',
          'X-Number': 2,
        },
        env,
      ),
    ).toEqual([
      ['authorization', 'bearer k1'],
      ['x-whole', 'k1'],
      ['x-two', 'u:p'],
      ['content-type', 'application/json'],
      ['x-number', '2'],
    ]);
  });

  it('are secrets of the log, but for those that say nothing', async () => {
    const config = await load({ headers: { 'X-Odd': 'shapeless value', accept: 'application/json' } });
    expect(secretsOf(config)).toContain('shapeless value');
    expect(secretsOf(config)).not.toContain('application/json');
  });

  it('leave one out whose variable is not set, and say so', async () => {
    const { passThrough, notices } = await load({
      headers: { Authorization: 'bearer os.environ/NOT_THERE' },
    });
    expect(passThrough[0]?.headers).toEqual([]);
    expect(notices.map(({ message }) => message).join()).toMatch(/NOT_THERE is not set/);
  });

  it('may name the header in which clients send their key', async () => {
    const { passThrough } = await load({ headers: { litellm_user_api_key: 'X-My-Key' } });
    expect(passThrough[0]).toMatchObject({ keyHeader: 'x-my-key', headers: [] });
  });

  /** Attack, or slip: a header that would split the request, or steer the connection. */
  it.each([
    [{ 'X-A': 'a\r\nHost: evil' }, /characters that a header may not have/],
    [{ 'X A': 'a' }, /not the name of an HTTP header/],
    [{ Host: 'evil.example' }, /belongs to the connection/],
    [{ 'Transfer-Encoding': 'chunked' }, /belongs to the connection/],
    [{ 'X-A': '1', 'x-a': '2' }, /set twice/],
  ])('are refused: %j', async (headers, message) => {
    const problems = await folder.problemsOf(
      endpoints({ path: '/svc', target: 'https://t.example', headers }),
    );
    expect(problems.join()).toMatch(message);
  });
});

describe('a pass-through endpoint', () => {
  it('asks for a key unless it says otherwise, and costs what it says', async () => {
    const { passThrough } = await load({ cost_per_request: 0.25, target: 'https://t.example/v1/?a=1' });
    expect(passThrough[0]).toMatchObject({
      requiresCaller: true,
      includeSubpath: false,
      forwardsHeaders: false,
      costNanoUsd: 250_000_000n,
      target: { origin: 'https://t.example', path: '/v1', query: [['a', '1']] },
    });
  });

  it('is left out, with a notice, when the variable of its target is not set', async () => {
    const { passThrough } = await load({ target: 'os.environ/NOT_THERE' });
    expect(passThrough).toEqual([]);
  });

  it.each([
    [{ auth: false }, /rpm_limit/],
    [{ target: 'ftp://t.example' }, /expected an address/],
    [{ target: 'https://user:pw@t.example' }, /holds a password/],
    [{ path: 'svc' }, /expected a path/],
    [{ path: '/svc/../key' }, /expected a path/],
    [{ path: '/svc/' }, /expected a path/],
    [{ path: '/{x}' }, /expected a path/],
    [{ guardrails: ['pii'] }, /guardrails: this setting is not known here/],
    [{ methods: ['TRACE'] }, /expected one of GET/],
  ])('is refused: %j', async (written, message) => {
    const problems = await folder.problemsOf(
      endpoints({ path: '/svc', target: 'https://t.example', ...written }),
    );
    expect(problems.join()).toMatch(message);
  });

  it('may not lie on the path of another', async () => {
    const target = 'https://t.example';
    const problems = await folder.problemsOf(
      endpoints({ path: '/svc', target, include_subpath: true }, { path: '/svc/a', target }),
    );
    expect(problems.join()).toMatch(/lies on the path of another endpoint, \/svc/);
  });
});
