import { beforeEach, describe, expect, it } from 'vitest';
import { GatewayError, ManualClock, type Principal } from '#libs/kernel';
import type { CallerDirectory, KeyDirectory } from '#libs/tenancy';
import { callerRecord, configWith } from '../../test/records.js';
import type { ChangeListener } from '../ports.js';
import { membershipsOf, type Resolution, TokenCallers } from './token-callers.js';

const HASH = 'jwt:hash';
const config = await configWith();

let clock: ManualClock;
let listener: ChangeListener;
let isDown: boolean;
/** What happens while budgets are opened for a caller. */
let meanwhile: () => void;
let callers: TokenCallers;

beforeEach(() => {
  clock = new ManualClock();
  isDown = false;
  meanwhile = () => undefined;
  const directory = {
    find: async (ids: object) => {
      if (isDown) throw new Error('connection refused');
      return callerRecord({ userId: 'ada', ...ids });
    },
  } as unknown as CallerDirectory;
  const keys = { findById: async () => undefined } as unknown as KeyDirectory;
  const feed = { subscribe: (one: ChangeListener) => (listener = one), state: () => 'live' } as never;
  callers = new TokenCallers(config, clock, directory, { prepare: async () => meanwhile() }, feed, keys);
});

const ada = async (): Promise<Resolution> => {
  if (isDown) throw new Error('connection refused');
  return {
    callers: [{ ids: { userId: 'ada' }, claims: { credential: 'jwt', displayName: 'ada' } }],
    rows: ['user:ada'],
  };
};
const codeOf = async (found: Principal | Promise<Principal>): Promise<string> => {
  try {
    return (await found).displayName;
  } catch (thrown) {
    return (thrown as GatewayError).code;
  }
};

describe('callers of tokens', () => {
  /** A role may be made, changed or deleted after the token was met. */
  it('that state a role change with it', async () => {
    const first = await callers.find(HASH, async () => ({
      callers: [{ ids: { userId: 'ada' }, claims: { credential: 'jwt', displayName: 'ada', role: 'clerk' } }],
      rows: [],
    }));
    expect(first).toMatchObject({ customRole: 'clerk', roleRoutes: [[]] });
    listener.onChange({ noun: 'role', id: 'clerk' });
    expect(first.isCurrent()).toBe(false);
  });

  it('that are known cost no promise, until one of their rows changes', async () => {
    const first = await callers.find(HASH, ada);
    expect(callers.find(HASH, ada)).toBe(first);
    listener.onChange({ noun: 'user', id: 'ada' });
    expect(first.isCurrent()).toBe(false);
    expect(callers.find(HASH, ada)).toBeInstanceOf(Promise);
  });

  it('that hang on their teams are asked anew when they join one or leave one', async () => {
    const hanging = async (): Promise<Resolution> => ({ ...(await ada()), rows: [membershipsOf('a:da')] });
    for (const [id, isAbout] of [
      ['blue:a:da', true],
      ['b:lue:a:da', true],
      ['blue:da', false],
      ['a:da:bob', false],
    ] as const) {
      const caller = await callers.find(HASH, hanging);
      listener.onChange({ noun: 'team_member', id });
      expect([id, caller.isCurrent()]).toEqual([id, !isAbout]);
    }
  });

  it('that nobody met are 503 while the store is away, never unknown; known ones go on for their time', async () => {
    await callers.find(HASH, ada);
    isDown = true;
    expect(await codeOf(callers.find('jwt:other', ada))).toBe('auth.store_unavailable');
    clock.advance(config.auth.keyCacheTtlMs + 30_000);
    expect(await codeOf(callers.find(HASH, ada))).toBe('ada');
    clock.advance(60_000);
    expect(await codeOf(callers.find(HASH, ada))).toBe('auth.store_unavailable');
  });

  /** The day on which everything that opens anything is blocked: what stands for a key is a way in like the key. */
  it('are forgotten when every key changes, for a request that holds one too', async () => {
    const first = await callers.find(HASH, ada);
    listener.onChange({ noun: 'key', id: '*' });
    expect(first.isCurrent()).toBe(false);
    expect(callers.find(HASH, ada)).toBeInstanceOf(Promise);
  });

  it('of a key that is gone are refused', async () => {
    const forKey = async (): Promise<Resolution> => ({ callers: [{ keyId: 'key_gone' }], rows: [] });
    expect(await codeOf(callers.find(HASH, forKey))).toBe('auth.credential_unknown');
  });

  it('are asked about together', async () => {
    let asked = 0;
    const counting = async (): Promise<Resolution> => {
      asked += 1;
      return ada();
    };
    await Promise.all(Array.from({ length: 10 }, () => callers.find(HASH, counting)));
    expect(asked).toBe(1);
  });
});

/** A replica tells that it dropped a session only after it did; what it read of it before must not come back behind that. */
describe('a session that is ended while its row is read', () => {
  const OVER = new GatewayError('auth.session_over', 'over');
  let isOver: boolean;
  beforeEach(() => (isOver = false));
  const end = (): void => {
    isOver = true;
    listener.onChange({ noun: 'session', id: 's' });
  };
  const session =
    (afterRead: () => void = () => undefined) =>
    async (): Promise<Resolution> => {
      if (isOver) throw OVER;
      const read = { ...(await ada()), rows: ['session:s'] };
      afterRead();
      return read;
    };

  it('lets nobody in with what was read, nor with what was about to be remembered', async () => {
    expect(await codeOf(callers.find(HASH, session(end)))).toBe('auth.session_over');
    isOver = false;
    meanwhile = end;
    expect(await codeOf(callers.find(HASH, session()))).toBe('auth.session_over');
    expect(await codeOf(callers.find(HASH, session()))).toBe('auth.session_over');
  });

  it('lets nobody in who joined that question, before or after the end was heard', async () => {
    const late: Promise<string>[] = [];
    const read = session(() => {
      end();
      late.push(codeOf(callers.find(HASH, session())));
    });
    const first = [callers.find(HASH, read), callers.find(HASH, read)].map(codeOf);
    expect(await Promise.all(first)).toEqual(['auth.session_over', 'auth.session_over']);
    expect(await Promise.all(late)).toEqual(['auth.session_over']);
    expect(await codeOf(callers.find(HASH, session()))).toBe('auth.session_over');
  });

  it('does not go on by what was known when the store is away at that moment', async () => {
    await callers.find(HASH, session());
    clock.advance(config.auth.keyCacheTtlMs + 1);
    const asked = callers.find(HASH, async () => {
      end();
      throw new Error('connection refused');
    });
    expect(await codeOf(asked)).toBe('auth.store_unavailable');
  });
});
