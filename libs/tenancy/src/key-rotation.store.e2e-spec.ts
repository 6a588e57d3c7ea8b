import { KeyGrace, VirtualKey } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../test/harness/caller.js';
import { admin, codeOf, tenancyForThisFile } from '../../../test/harness/tenancy.js';
import { hashRawKey } from './key-secret.js';

const DAY_MS = 86_400_000;
const random = { randomBytes: 16 } as const;
const room = tenancyForThisFile('virtual_keys, archived_keys, key_graces, audit_events, changes');

const keyOf = (id: string) => room.database.getRepository(VirtualKey).findOneByOrFail({ id });
const rotating = { autoRotate: true, rotationInterval: '30d' } as const;

describe('a former secret', () => {
  it('finds the key under its own names until its grace ends', async () => {
    const { key, raw } = await room.keys.generate(admin, { alias: 'a' }, random);
    await room.rotation.regenerate(admin, key.tokenHash, {}, random, '1h');
    const former = await room.directory.findByHash(hashRawKey(raw));
    expect(former?.key).toMatchObject({
      id: key.id,
      tokenHash: key.tokenHash,
      maskedName: key.maskedName,
      expiresAt: new Date(room.clock.nowMs() + 3_600_000),
    });
    room.clock.advance(3_600_000);
    expect(await room.directory.findByHash(hashRawKey(raw))).toBeUndefined();
  });

  it('never outlives the key: neither its expiry nor its end', async () => {
    const { key, raw } = await room.keys.generate(admin, { lifetime: '10m' }, random);
    const { key: after } = await room.rotation.regenerate(admin, key.tokenHash, {}, random, '1h');
    expect((await room.directory.findByHash(hashRawKey(raw)))?.key.expiresAt).toEqual(after.expiresAt);
    await room.keys.delete(admin, { hashes: [after.tokenHash] });
    expect(await room.directory.findByHash(hashRawKey(raw))).toBeUndefined();
    expect(await room.database.getRepository(KeyGrace).count()).toBe(0);
  });

  it('does not rotate the key once more', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    await room.rotation.regenerate(admin, key.tokenHash, {}, random, '1h');
    expect(await codeOf(room.rotation.regenerate(admin, key.tokenHash, {}, random, null))).toBe(
      'request.not_found',
    );
  });
});

describe('rotation by schedule', () => {
  it('happens once, however many workers look', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push((await room.keys.generate(admin, rotating, random)).key.id);
    const { key: manual } = await room.keys.generate(admin, {}, random);
    room.clock.advance(30 * DAY_MS);
    const runs = await Promise.all([1, 2, 3, 4].map(() => room.rotation.rotateDue(16, null)));
    expect(runs.reduce((sum, { rotated }) => sum + rotated, 0)).toBe(5);
    for (const id of ids) {
      const key = await keyOf(id);
      expect(key.rotationCount).toBe(1);
      expect(key.rotationAt).toEqual(new Date(room.clock.nowMs() + 30 * DAY_MS));
    }
    expect((await keyOf(manual.id)).rotationCount).toBe(0);
    expect((await room.rotation.rotateDue(16, null)).rotated).toBe(0);
  });

  it('leaves the former secret a while, and gives its holder the new one', async () => {
    const { key, raw } = await room.keys.generate(admin, rotating, random);
    room.clock.advance(30 * DAY_MS);
    await room.rotation.rotateDue(16, null);
    const holder = {
      ...admin,
      principal: principal({
        key: { id: key.id, hash: hashRawKey(raw), maskedName: key.maskedName },
      }),
    };
    const next = await room.rotation.successor(holder);
    expect(hashRawKey(next.raw)).toBe((await keyOf(key.id)).tokenHash);
    expect(JSON.stringify(await room.database.query('SELECT * FROM key_graces'))).not.toContain(next.raw);
    room.clock.advance(DAY_MS);
    expect(await codeOf(room.rotation.successor(holder))).toBe('request.not_found');
    await room.rotation.rotateDue(16, null);
    expect(await room.database.getRepository(KeyGrace).count()).toBe(0);
  });

  it('leaves blocked and expired keys alone', async () => {
    const { key } = await room.keys.generate(admin, { ...rotating, blocked: true }, random);
    await room.keys.generate(admin, { ...rotating, lifetime: '1d' }, random);
    room.clock.advance(30 * DAY_MS);
    expect((await room.rotation.rotateDue(16, null)).rotated).toBe(0);
    await room.keys.setBlocked(admin, key.tokenHash, false);
    expect((await room.rotation.rotateDue(16, null)).rotated).toBe(1);
  });

  it('wants an interval, and keeps its date when nothing about it changes', async () => {
    expect(await codeOf(room.keys.generate(admin, { autoRotate: true }, random))).toBe('request.bad_field');
    const { key } = await room.keys.generate(admin, rotating, random);
    room.clock.advance(DAY_MS);
    const same = await room.keys.update(admin, { hashes: [key.tokenHash] }, rotating);
    expect(same.rotationAt).toEqual(key.rotationAt);
    const off = await room.keys.update(admin, { hashes: [key.tokenHash] }, { autoRotate: false });
    expect(off.rotationAt).toBeNull();
  });
});
