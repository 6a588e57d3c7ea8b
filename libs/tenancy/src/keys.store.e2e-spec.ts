import { ArchivedKey, AuditEvent, VirtualKey } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { hashRawKey } from './key-secret.js';
import { principal } from '../../../test/harness/caller.js';
import { admin, codeOf, member, tenancyForThisFile } from '../../../test/harness/tenancy.js';

const random = { randomBytes: 16 } as const;
const room = tenancyForThisFile('virtual_keys, archived_keys, audit_events, changes');

const rows = () => room.database.getRepository(VirtualKey).find();

describe('a new key', () => {
  it('is at rest as a hash only', async () => {
    const { key, raw } = await room.keys.generate(
      admin,
      { alias: 'one', metadata: { note: "'; DROP TABLE virtual_keys; --" } },
      random,
    );
    expect(key.tokenHash).toBe(hashRawKey(raw));
    for (const table of ['virtual_keys', 'audit_events', 'changes']) {
      const dump = JSON.stringify(await room.database.query(`SELECT * FROM ${table}`));
      expect(dump).not.toContain(raw);
    }
    expect((await room.directory.findByHash(key.tokenHash))?.key.metadata).toEqual({
      note: "'; DROP TABLE virtual_keys; --",
    });
  });

  it('has its settings, exactly', async () => {
    const settings = {
      models: ['a', '${jndi:x}'],
      capNanoUsd: 999_999_999_999_999_999n,
      budgetDuration: '30d',
      requestsPerMinute: 0,
      tokensPerMinute: 9_007_199_254_740_991,
      parallelRequests: 3,
      lifetime: '30d',
      keyType: 'llm_api',
      tags: ['t'],
      customerId: 'c1',
    } as const;
    const { key } = await room.keys.generate(admin, settings, random);
    expect(key).toMatchObject({
      models: ['a', '${jndi:x}'],
      maxBudgetNano: 999_999_999_999_999_999n,
      budgetDuration: '30d',
      budgetAnchorAt: new Date(room.clock.nowMs()),
      rpmLimit: 0,
      tpmLimit: 9_007_199_254_740_991,
      maxParallelRequests: 3,
      expiresAt: new Date(room.clock.nowMs() + 30 * 86_400_000),
      allowedRoutes: ['llm_api_routes'],
      tags: ['t'],
      customerId: 'c1',
      createdBy: 'default_user_id',
    });
  });

  it('gets an alias that a hundred ask for at once exactly once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () =>
        codeOf(room.keys.generate(admin, { alias: 'same' }, random).then(() => 0)),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'request.bad_field')).toHaveLength(99);
    expect(await rows()).toHaveLength(1);
    expect(await room.database.getRepository(AuditEvent).count()).toBe(1);
  });

  it('may share its label', async () => {
    await room.keys.generate(admin, { label: 'mobile' }, random);
    await room.keys.generate(admin, { label: 'mobile' }, random);
    expect(await rows()).toHaveLength(2);
  });

  it('cannot take over a secret that exists', async () => {
    await room.keys.generate(admin, {}, { custom: 'sk-custom-key-0000001' });
    expect(await codeOf(room.keys.generate(admin, {}, { custom: 'sk-custom-key-0000001' }))).toBe(
      'request.bad_field',
    );
  });
});

describe('somebody who is no administrator', () => {
  it("does nothing to another's key, and is told what it is told of one that is not there", async () => {
    const { key } = await room.keys.generate(admin, { userId: 'bob' }, random);
    for (const hash of [key.tokenHash, 'f'.repeat(64)]) {
      const named = { hashes: [hash] };
      expect(await codeOf(room.keys.update(member, named, { label: 'mine' }))).toBe('rbac.forbidden');
      expect(await codeOf(room.keys.delete(member, named))).toBe('rbac.forbidden');
      expect(await codeOf(room.keys.setBlocked(member, hash, true))).toBe('rbac.forbidden');
      expect(await codeOf(room.keySpend.reset(member, hash, 0n))).toBe('rbac.forbidden');
      expect(await codeOf(room.rotation.regenerate(member, hash, {}, random, null))).toBe('rbac.forbidden');
    }
    expect(await rows()).toEqual([key]);
  });

  it('makes keys for itself, and for nobody else', async () => {
    const { key } = await room.keys.generate(member, { userId: 'ann', models: ['m'] }, random);
    expect(await codeOf(room.keys.generate(member, { userId: 'bob' }, random))).toBe('rbac.forbidden');
    const named = { hashes: [key.tokenHash] };
    expect(await codeOf(room.keys.update(member, named, { capNanoUsd: null, budgetId: 'rich' }))).toBe(
      'rbac.forbidden',
    );
    expect(await codeOf(room.keySpend.reset(member, key.tokenHash, 0n))).toBe('rbac.forbidden');
    expect(await codeOf(room.keys.blockAll(member))).toBe('rbac.admin_only');
    expect((await room.keys.update(member, named, { label: 'mine' })).label).toBe('mine');
  });

  it('sees its own, and what is not its own looks like nothing', async () => {
    const own = await room.keys.generate(admin, { userId: 'ann' }, random);
    const foreign = await room.keys.generate(admin, { userId: 'bob' }, random);
    const caller = member.principal;
    expect((await room.catalogue.get(caller, own.key.tokenHash)).key.id).toBe(own.key.id);
    const notYours = await room.catalogue.get(caller, foreign.key.tokenHash).catch((error: unknown) => error);
    const notThere = await room.catalogue.get(caller, 'f'.repeat(64)).catch((error: unknown) => error);
    expect(notYours).toEqual(notThere);
    const list = await room.catalogue.list(
      caller,
      {},
      { by: 'createdAt', direction: 'DESC' },
      { page: 1, size: 10 },
    );
    expect(list.items.map(({ key }) => key.id)).toEqual([own.key.id]);
    const nobody = await room.catalogue.list(
      principal(),
      {},
      { by: 'createdAt', direction: 'DESC' },
      { page: 1, size: 10 },
    );
    expect(nobody.total).toBe(0);
  });
});

describe('a change of a key', () => {
  it('leaves what it does not name', async () => {
    const { key } = await room.keys.generate(
      admin,
      { alias: 'a', models: ['m'], capNanoUsd: 5n, budgetDuration: '1d' },
      random,
    );
    room.clock.advance(1_000);
    const after = await room.keys.update(
      admin,
      { aliases: ['a'] },
      { requestsPerMinute: 5, budgetDuration: '1d' },
    );
    expect(after).toMatchObject({
      alias: 'a',
      models: ['m'],
      maxBudgetNano: 5n,
      rpmLimit: 5,
      budgetAnchorAt: key.budgetAnchorAt,
    });
    expect(await room.keys.update(admin, { aliases: ['a'] }, { capNanoUsd: null, alias: 'b' })).toMatchObject(
      { maxBudgetNano: null, alias: 'b' },
    );
    expect(await codeOf(room.keys.update(admin, { aliases: ['a'] }, {}))).toBe('request.not_found');
  });

  it('is announced under the id and the hash', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    await room.keys.setBlocked(admin, key.tokenHash, true);
    const said = await room.database.query('SELECT noun, noun_id FROM changes ORDER BY seq');
    const once = [
      { noun: 'key', noun_id: key.id },
      { noun: 'key_hash', noun_id: key.tokenHash },
    ];
    expect(said).toEqual([...once, ...once]);
  });
});

describe('blocking', () => {
  it('twice is once', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    await room.keys.setBlocked(admin, key.tokenHash, true);
    expect((await room.keys.setBlocked(admin, key.tokenHash, true)).blocked).toBe(true);
    const actions = await room.database.getRepository(AuditEvent).find({ order: { at: 'ASC' } });
    expect(actions.map(({ action }) => action)).toEqual(['created', 'blocked']);
    expect((await room.keys.setBlocked(admin, key.tokenHash, false)).blocked).toBe(false);
  });
});

describe('deleting', () => {
  it('keeps the row in the archive, exactly, and answers for it', async () => {
    const { key } = await room.keys.generate(
      admin,
      { alias: 'gone', userId: 'ann', capNanoUsd: 999_999_999_999_999_999n, lifetime: '1d' },
      random,
    );
    expect(await room.keys.delete(admin, { hashes: [key.tokenHash, 'f'.repeat(64)] })).toHaveLength(1);
    expect(await room.keys.delete(admin, { hashes: [key.tokenHash] })).toHaveLength(0);
    const view = await room.catalogue.get(admin.principal, key.tokenHash);
    expect(view).toMatchObject({ status: 'deleted', deletedBy: 'default_user_id' });
    expect(view.key).toEqual(key);
    expect(
      (await room.catalogue.listDeleted(member.principal, { userId: 'ann' }, { page: 1, size: 10 })).total,
    ).toBe(1);
    expect(await room.directory.findByHash(key.tokenHash)).toBeUndefined();
    expect(await room.keys.generate(admin, { alias: 'gone' }, random)).toBeDefined();
  });

  it('happens once, however many ask for it together', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    const deleted = await Promise.all(
      Array.from({ length: 20 }, () => room.keys.delete(admin, { hashes: [key.tokenHash] })),
    );
    expect(deleted.flat()).toHaveLength(1);
    expect(await room.database.getRepository(ArchivedKey).count()).toBe(1);
  });
});

describe('regenerating', () => {
  it('kills the old secret and keeps the rest', async () => {
    const { key } = await room.keys.generate(admin, { alias: 'rot', capNanoUsd: 7n, models: ['m'] }, random);
    const issued = await room.rotation.regenerate(admin, key.tokenHash, {}, random, null);
    expect(issued.key).toMatchObject({
      id: key.id,
      alias: 'rot',
      maxBudgetNano: 7n,
      models: ['m'],
      rotationCount: 1,
    });
    expect(await room.directory.findByHash(key.tokenHash)).toBeUndefined();
    expect((await room.directory.findByHash(hashRawKey(issued.raw)))?.key.id).toBe(key.id);
    const hashes = await room.database.query(
      "SELECT noun_id FROM changes WHERE noun = 'key_hash' ORDER BY seq",
    );
    expect(hashes.map(({ noun_id }: { noun_id: string }) => noun_id)).toEqual([
      key.tokenHash,
      key.tokenHash,
      issued.key.tokenHash,
    ]);
  });

  it('with one old secret by many at once has one winner', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        codeOf(room.rotation.regenerate(admin, key.tokenHash, {}, random, null)),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'request.not_found')).toHaveLength(19);
    expect(await rows()).toHaveLength(1);
  });
});

describe('a list of keys', () => {
  it('filters, sorts and pages without overlap', async () => {
    for (let i = 0; i < 25; i += 1) {
      const { key } = await room.keys.generate(
        admin,
        { alias: `k_${i}`, teamId: i % 2 ? 't1' : null, blocked: i === 3 },
        random,
      );
      await room.database.query(
        `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('key', $1, 'total', 'total', $2)`,
        [key.id, i],
      );
    }
    const list = (filter: object, by: 'spend' | 'createdAt' | 'alias', page: number) =>
      room.catalogue.list(admin.principal, filter, { by, direction: 'DESC' }, { page, size: 10 });
    const pages = await Promise.all([
      list({}, 'createdAt', 1),
      list({}, 'createdAt', 2),
      list({}, 'createdAt', 3),
    ]);
    expect(new Set(pages.flatMap(({ items }) => items.map(({ key }) => key.id))).size).toBe(25);
    expect((await list({}, 'spend', 1)).items[0]?.key.alias).toBe('k_24');
    expect((await list({ teamId: 't1' }, 'alias', 1)).total).toBe(12);
    expect((await list({ alias: 'k_1', substring: true }, 'alias', 1)).total).toBe(11);
    expect((await list({ alias: 'kx1', substring: true }, 'alias', 1)).total).toBe(0);
    expect((await list({ search: '%' }, 'alias', 1)).total).toBe(0);
    expect((await list({ status: 'revoked' }, 'alias', 1)).items.map(({ status }) => status)).toEqual([
      'revoked',
    ]);
    expect((await list({ status: 'active' }, 'alias', 1)).total).toBe(24);
    expect((await list({ status: 'expired' }, 'alias', 1)).total).toBe(0);
    expect((await list({ userId: "' OR 1=1 --" }, 'alias', 1)).total).toBe(0);
  });
});
