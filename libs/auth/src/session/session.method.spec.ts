import { beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '#libs/database';
import { type GatewayError, ManualClock, type Principal, Secret } from '#libs/kernel';
import type { CallerDirectory, Sessions } from '#libs/tenancy';
import { callerRecord, configWith, userRow } from '../../test/records.js';
import type { Presented } from '../credential-method.js';
import type { ChangeListener } from '../ports.js';
import { TokenCallers } from '../sign-in/token-callers.js';
import { environmentProof } from './environment-admin.js';
import { OwnOrigin } from './own-origin.js';
import { csrfTokenOf } from './session-cookie.js';
import { SessionMethod } from './session.method.js';

const TOKEN = 'a'.repeat(43);
const base = await configWith();
const config = await configWith({
  signIn: {
    browser: {
      ...base.signIn.browser,
      environmentAdmin: { username: 'root', password: new Secret('correct horse'), userId: 'root' },
    },
  },
});

let clock: ManualClock;
let row: Session | null;
let method: SessionMethod;
let listener: ChangeListener;
let asked = 0;

beforeEach(() => {
  clock = new ManualClock();
  asked = 0;
  row = session({});
  const sessions = {
    find: async () => {
      asked += 1;
      return row;
    },
    touch: async () => undefined,
  } as unknown as Sessions;
  const directory = {
    find: async (ids: object) => people(ids),
  } as unknown as CallerDirectory;
  const feed = { subscribe: (one: ChangeListener) => (listener = one), state: () => 'live' } as never;
  const preparation = { prepare: async () => undefined };
  const callers = new TokenCallers(config, clock, directory, preparation, feed, {} as never);
  method = new SessionMethod(config, clock, callers, sessions, new OwnOrigin(config));
});

function people(ids: object): object {
  const { userId } = ids as { userId: string };
  return callerRecord({ userId }, { user: userId === 'ada' ? userRow('ada') : null });
}

function session(facts: Partial<Session>): Session {
  return {
    id: 'session_1',
    tokenHash: '',
    kind: 'browser',
    userId: 'ada',
    teamId: null,
    method: 'password',
    proof: null,
    mustChangePassword: false,
    provenance: {},
    createdAt: new Date(0),
    expiresAt: new Date(clock.nowMs() + 3_600_000),
    idleEndsAt: new Date(clock.nowMs() + 3_600_000),
    ...facts,
  };
}

function presented(httpMethod: string, headers: Record<string, string> = {}): Presented {
  const rawHeaders = Object.entries({ Host: 'gw.example', ...headers }).flat();
  return { raw: '', hash: '', cookie: TOKEN, facts: { rawHeaders, method: httpMethod, socket: {} } };
}
const outcome = async (one: Presented): Promise<string> => {
  try {
    return ((await method.authenticate(one)) as Principal).user?.id ?? 'nobody';
  } catch (thrown) {
    return (thrown as GatewayError).code;
  }
};
const OURS = { Origin: 'http://gw.example', 'X-CSRF-Token': csrfTokenOf(TOKEN) };

describe('a session', () => {
  it('is its user, asked about once', async () => {
    expect(await outcome(presented('GET'))).toBe('ada');
    expect(await outcome(presented('GET'))).toBe('ada');
    expect(asked).toBe(1);
    expect((await method.authenticate(presented('GET'))).credential).toBe('session');
  });

  it('is over at once when it is ended or its user changes', async () => {
    for (const change of [
      { noun: 'session', id: 'session_1' },
      { noun: 'user', id: 'ada' },
    ]) {
      row = session({});
      expect(await outcome(presented('GET'))).toBe('ada');
      row = null;
      expect(await outcome(presented('GET'))).toBe('ada');
      listener.onChange(change);
      expect(await outcome(presented('GET'))).toBe('auth.session_over');
    }
  });

  it('is over when its time is, while it is remembered too', async () => {
    row = session({ expiresAt: new Date(clock.nowMs() + 10_000) });
    expect(await outcome(presented('GET'))).toBe('ada');
    clock.advance(9_999);
    expect(await outcome(presented('GET'))).toBe('ada');
    clock.advance(1);
    expect(await outcome(presented('GET'))).toBe('auth.session_over');
  });

  it('that waits for a new password opens nothing else', async () => {
    row = session({ mustChangePassword: true });
    expect((await method.authenticate(presented('GET'))).credentialRoutes?.flat()).toContain(
      '/user/password/change',
    );
    expect((await method.authenticate(presented('GET'))).credentialRoutes?.flat()).not.toContain('/key/list');
  });

  it('of the environment’s administrator hangs on the environment’s password', async () => {
    row = session({ method: 'environment', userId: 'root', proof: environmentProof(config) ?? '' });
    expect((await method.authenticate(presented('GET'))).role).toBe('proxy_admin');
    listener.onGap();
    row = session({ method: 'environment', userId: 'root', proof: 'of an earlier password' });
    expect(await outcome(presented('GET'))).toBe('auth.session_over');
  });

  it('of the command line is no cookie, and of a browser no bearer', async () => {
    row = session({ kind: 'cli' });
    expect(await outcome(presented('GET'))).toBe('auth.session_over');
    row = session({ kind: 'browser' });
    const bearer = { raw: `tollgate_cli_${TOKEN}`, hash: 'h', facts: presented('POST').facts };
    expect(await outcome(bearer)).toBe('auth.session_over');
  });
});

/** A page of a stranger makes the browser ask, and the browser adds the cookie. */
describe('a forged request', () => {
  it.each([
    ['POST', {}],
    ['POST', { Origin: 'http://gw.example' }],
    ['POST', { 'X-CSRF-Token': csrfTokenOf(TOKEN) }],
    ['POST', { ...OURS, Origin: 'https://evil.example' }],
    ['POST', { ...OURS, Origin: 'null' }],
    ['POST', { ...OURS, 'X-CSRF-Token': csrfTokenOf('b'.repeat(43)) }],
    ['DELETE', { Origin: 'http://gw.example' }],
    ['', {}],
    ['GET', { 'Sec-Fetch-Site': 'cross-site' }],
    ['GET', { Origin: 'https://evil.example' }],
  ])('is refused: %s %j', async (httpMethod, headers) => {
    expect(await outcome(presented(httpMethod, headers as Record<string, string>))).toBe('auth.cross_site');
    expect(asked).toBe(0);
  });

  it('is not what its type hides: with a cookie only JSON is JSON', async () => {
    const body = { ...OURS, 'Content-Length': '12' };
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '',
    ])
      expect(await outcome(presented('POST', { ...body, 'Content-Type': type }))).toBe(
        'request.unprocessable',
      );
    expect(await outcome(presented('POST', { ...body, 'Content-Type': 'application/json' }))).toBe('ada');
  });

  it('is not what a page of ours sends', async () => {
    expect(await outcome(presented('POST', OURS))).toBe('ada');
    expect(await outcome(presented('DELETE', { ...OURS, 'Sec-Fetch-Site': 'same-origin' }))).toBe('ada');
  });
});
