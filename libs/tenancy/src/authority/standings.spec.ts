import type { Config } from '#libs/config';
import type { Changes, ChangeNoun, ChangeSubscriber } from '#libs/database';
import { ManualClock, type Principal } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../../test/harness/caller.js';
import { administered, type MembershipRow } from './standing.js';
import { KeptStandings } from './standings.js';

const KEPT_MS = 60_000;
const caller = (facts: Partial<Principal> = {}): Principal => principal({ user: { id: 'ann' }, ...facts });
const administratorOf = (id: string): MembershipRow => ({
  kind: 'organization',
  id,
  role: 'org_admin',
  organizationId: null,
  permissions: null,
});

/** A database in which `memberships` are everybody's, and a feed that says what the test says. */
function world() {
  const clock = new ManualClock(0);
  let subscriber: ChangeSubscriber | undefined;
  const heard = {
    state: 'live' as ReturnType<Changes['state']>,
    memberships: [administratorOf('red')],
    questions: 0,
    /** Called while a question is on its way. */
    meanwhile: () => {},
    change: (noun: ChangeNoun) => subscriber?.onChange({ seq: 1n, noun, id: 'any' }),
    gap: () => subscriber?.onGap(),
  };
  const changes = {
    subscribe: (given: ChangeSubscriber) => (subscriber = given),
    state: () => heard.state,
  } as unknown as Changes;
  const manager = {
    query: async () => {
      heard.questions += 1;
      const read = heard.memberships;
      heard.meanwhile();
      return read;
    },
  } as unknown as EntityManager;
  const standings = new KeptStandings(changes, clock, { auth: { keyCacheTtlMs: KEPT_MS } } as Config);
  const organizations = async (who = caller()): Promise<string[]> =>
    administered(await standings.of(manager, who)).organizationIds;
  return { ...{ clock, heard, organizations } };
}

describe('what a caller is', () => {
  it('is asked once', async () => {
    const { heard, organizations } = world();
    expect(await organizations()).toEqual(['red']);
    expect(await organizations()).toEqual(['red']);
    expect(heard.questions).toBe(1);
  });

  it.each(['user', 'team', 'team_member', 'organization', 'organization_member'] as const)(
    'is asked anew after a change of a %s, whosever',
    async (noun) => {
      const { heard, organizations } = world();
      await organizations();
      heard.memberships = [];
      heard.change(noun);
      expect(await organizations()).toEqual([]);
    },
  );

  it('is not kept when a membership was taken away while it was read', async () => {
    const { heard, organizations } = world();
    heard.meanwhile = () => {
      heard.memberships = [];
      heard.change('organization_member');
    };
    await organizations();
    heard.meanwhile = () => {};
    expect(await organizations()).toEqual([]);
  });

  it('is asked every time while nothing is heard of changes, and after some were missed', async () => {
    const { heard, organizations } = world();
    await organizations();
    heard.state = 'lagging';
    heard.memberships = [];
    expect(await organizations()).toEqual([]);
    heard.memberships = [administratorOf('blue')];
    expect(await organizations()).toEqual(['blue']);
    heard.gap();
    heard.state = 'live';
    heard.memberships = [];
    expect(await organizations()).toEqual([]);
  });

  it('is kept no longer than a key', async () => {
    const { clock, heard, organizations } = world();
    await organizations();
    heard.memberships = [];
    clock.advance(KEPT_MS);
    expect(await organizations()).toEqual([]);
  });

  it('is one person’s own, and what its credential says of it stays the credential’s', async () => {
    const { heard, organizations } = world();
    await organizations();
    heard.memberships = [administratorOf('blue')];
    expect(await organizations(caller({ user: { id: 'bob' } }))).toEqual(['blue']);
    const stated = caller({ role: 'org_admin', credential: 'jwt', organizationId: 'green' });
    expect(await organizations(stated)).toEqual(['red', 'green']);
    expect(await organizations()).toEqual(['red']);
  });

  it('is asked of nobody who needs no membership', async () => {
    const { heard, organizations } = world();
    expect(await organizations(caller({ role: 'team' }))).toEqual([]);
    expect(await organizations(caller({ role: 'proxy_admin' }))).toEqual([]);
    expect(heard.questions).toBe(0);
  });
});
