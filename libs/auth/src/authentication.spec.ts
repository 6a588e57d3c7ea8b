import { beforeEach, describe, expect, it } from 'vitest';
import { type GatewayError, ManualClock, type Principal } from '#libs/kernel';
import { hashRawKey, type KeyRecord } from '#libs/tenancy';
import { Config } from '#libs/config';
import { configWith, keyRow, recordOf, teamRow, userRow } from '../test/records.js';
import { Authentication } from './authentication.js';
import { CompiledKey } from './compiled-key.js';
import { MasterKeyMethod, VirtualKeyMethod } from './credential-method.js';
import type { CredentialFacts } from './credential.js';
import { unavailable } from './key-lookups.js';
import type { KeyVault } from './key-vault.js';
import { MasterKey } from './master-key.js';
import { OwnOrigin } from './session/own-origin.js';
import { SessionCookie } from './session/session-cookie.js';
import type { SignInMethods } from './sign-in/sign-in-methods.js';
import { AuthenticationEvents } from './ports.js';

class FakeEvents extends AuthenticationEvents {
  readonly seen: string[] = [];
  failed(_: CredentialFacts, error: GatewayError): void {
    this.seen.push(error.code);
  }
  succeeded(principal: Principal): void {
    this.seen.push(principal.displayName);
  }
}

const MASTER = 'the-operators-own-key';
const config = await configWith();
const clock = new ManualClock();
const known = new Map<string, CompiledKey>();
const vault = {
  find: (hash: string) =>
    known.get(hash) ?? (known.size === 0 ? Promise.reject(unavailable('down')) : Promise.resolve(undefined)),
} as unknown as KeyVault;

const NO_OTHER_WAYS = { first: [], others: [], acceptsNothing: false } as unknown as SignInMethods;

let events: FakeEvents;
let authentication: Authentication;

beforeEach(() => {
  events = new FakeEvents();
  authentication = new Authentication(
    config,
    new MasterKeyMethod(new MasterKey(config)),
    NO_OTHER_WAYS,
    new VirtualKeyMethod(vault, clock),
    events,
    new SessionCookie(new OwnOrigin(config), config),
  );
  known.clear();
  know(recordOf(keyRow('sk-known-key-0001')));
});

function know(record: KeyRecord): void {
  known.set(record.key.tokenHash, new CompiledKey(record, config, 0));
}

const bearer = (raw: string): CredentialFacts => ({ rawHeaders: ['Authorization', `Bearer ${raw}`] });

async function refusalOf(facts: CredentialFacts): Promise<GatewayError> {
  try {
    await authentication.authenticate(facts);
  } catch (thrown) {
    return thrown as GatewayError;
  }
  throw new Error('it was let in');
}

describe('authentication', () => {
  it('lets a known key in without a promise, and tells who it was', () => {
    const principal = authentication.authenticate(bearer('sk-known-key-0001')) as Principal;
    expect(principal.key?.id).toBe('key_sk-known-key-0001');
    expect(events.seen).toEqual(['key_sk-known-key-0001']);
  });

  it('lets the master key in as the administrator that every record names', () => {
    expect(authentication.authenticate(bearer(MASTER))).toMatchObject({
      credential: 'master_key',
      role: 'proxy_admin',
      displayName: 'litellm_proxy_master_key',
      user: { id: 'default_user_id' },
    });
  });

  it.each([
    ['no credential', { rawHeaders: [] }, 401, 'auth_error', 'None', 'No api key passed in.'],
    [
      'a bare Authorization',
      { rawHeaders: ['authorization', 'sk-1'] },
      401,
      'auth_error',
      'None',
      'Malformed API Key',
    ],
    ['what is not a key', bearer('hello'), 401, 'auth_error', 'None', 'LiteLLM Virtual Key expected'],
    ['an unknown key', bearer('sk-unknown-key-9876'), 401, 'token_not_found_in_db', 'key', 'sk-...9876'],
  ])('refuses %s', async (_, facts, status, type, param, marker) => {
    const error = await refusalOf(facts);
    expect(error).toMatchObject({ status, type, param });
    expect(error.publicMessage).toContain(marker);
    expect(events.seen).toEqual([error.code]);
  });

  /** Attack: a hash found in a log, a backup or a spend row, sent as if it were the key. */
  it('refuses the hash of a key as a key', async () => {
    expect(await refusalOf(bearer(hashRawKey('sk-known-key-0001')))).toMatchObject({
      code: 'auth.credential_malformed',
    });
  });

  it('shows neither the hash nor the key nor a table to whoever is refused', async () => {
    const raw = 'sk-unknown-key-9876';
    const { publicMessage } = await refusalOf(bearer(raw));
    expect(publicMessage).not.toMatch(new RegExp(`${hashRawKey(raw)}|${raw}|table`, 'i'));
  });

  it.each([
    ['a blocked key', { blocked: true }, {}, 'auth.key_blocked', 'Key is blocked'],
    [
      'a blocked and expired key',
      { blocked: true, expiresAt: new Date(0) },
      {},
      'auth.key_blocked',
      'Key is blocked',
    ],
    ['an expired key', { expiresAt: new Date(0) }, {}, 'auth.key_expired', 'Expired Key'],
    [
      'a key of a blocked team',
      { teamId: 't' },
      { team: teamRow('t', { blocked: true }) },
      'auth.team_blocked',
      'Team=t is blocked',
    ],
    [
      'an expired key of a blocked team',
      { teamId: 't', expiresAt: new Date(0) },
      { team: teamRow('t', { blocked: true }) },
      'auth.key_expired',
      '',
    ],
    ['a key whose team is gone', { teamId: 't' }, {}, 'request.not_found', 'Team=t'],
    [
      'a key of a blocked user',
      { userId: 'u' },
      { user: userRow('u', { blocked: true }) },
      'auth.user_blocked',
      'deactivated',
    ],
    [
      'a key of a user SCIM switched off',
      { userId: 'u' },
      { user: userRow('u', { metadata: { scim_active: false } }) },
      'auth.user_blocked',
      '',
    ],
  ])('refuses %s', async (_, key, rows, code, marker) => {
    know(recordOf(keyRow('sk-known-key-0002', key), rows));
    const error = await refusalOf(bearer('sk-known-key-0002'));
    expect(error.code).toBe(code);
    expect(error.publicMessage).toContain(marker);
  });

  it('judges expiry on each request, because a cached key outlives its end', async () => {
    know(recordOf(keyRow('sk-known-key-0003', { expiresAt: new Date(clock.nowMs() + 1_000) })));
    expect(authentication.authenticate(bearer('sk-known-key-0003'))).toMatchObject({
      credential: 'virtual_key',
    });
    clock.advance(1_000);
    expect(await refusalOf(bearer('sk-known-key-0003'))).toMatchObject({
      status: 401,
      type: 'expired_key',
      param: 'sk-...0003',
    });
  });

  it('keeps an outage an outage', async () => {
    known.clear();
    expect(await refusalOf(bearer('sk-any'))).toMatchObject({ status: 503, type: 'no_db_connection' });
    expect(events.seen).toEqual(['auth.store_unavailable']);
    expect(authentication.authenticate(bearer(MASTER))).toMatchObject({ role: 'proxy_admin' });
  });
});

describe('the master key', () => {
  it('is not matched by an empty credential when none is configured', async () => {
    const { masterKey: _, ...auth } = config.auth;
    const none = new MasterKey(new Config({ ...config, auth }));
    expect(none.matches(hashRawKey(''))).toBe(false);
    expect(none.matches('')).toBe(false);
  });

  it('is compared by its whole digest', () => {
    const masterKey = new MasterKey(config);
    expect(masterKey.matches(hashRawKey(MASTER))).toBe(true);
    expect(masterKey.matches(hashRawKey(`${MASTER} `))).toBe(false);
    expect(masterKey.matches(hashRawKey(MASTER).slice(0, 32))).toBe(false);
    expect(masterKey.matches('not hex at all')).toBe(false);
  });
});
