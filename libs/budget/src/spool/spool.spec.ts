import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginRecord, endRecord } from '../ledger/fixtures.js';
import { decodeBegin, decodeEnd, encodeBegin, encodeEnd } from './codec.js';
import { beginPayload, entryPayload, FrameBuffer, recordsOf } from './frame.js';
import type { Segment } from './segment.js';
import { Spool } from './spool.js';

describe('a spool record', () => {
  it('comes back as it was written, whatever callers sent', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string()),
        fc.bigInt({ min: 0n, max: 10n ** 18n }),
        (text, tags, cost) => {
          const begin = beginRecord({ id: 'a', userAgent: text, customerId: text, tags });
          expect(decodeBegin(encodeBegin(begin))).toEqual(begin);
          const end = endRecord('a', cost, { error: { code: 'x', message: text }, responseId: text });
          expect(decodeEnd(encodeEnd(end))).toEqual(end);
        },
      ),
    );
  });

  it('is read up to the first damage and not a byte further, wherever a crash cut or a bit flipped', () => {
    const frames = new FrameBuffer();
    const ends: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      frames.add(index % 2 ? beginPayload(`["${index}"]`) : entryPayload(1, `["${index}"]`, '["é"]'));
      ends.push(frames.used.length);
    }
    const whole = Buffer.from(frames.used);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      expect([...recordsOf(whole.subarray(0, cut))]).toHaveLength(ends.filter((end) => end <= cut).length);
    }
    for (let at = 0; at < whole.length; at += 1) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      expect([...recordsOf(damaged)].length).toBeLessThanOrEqual(ends.filter((end) => end <= at).length);
    }
  });
});

describe('the spool', () => {
  const directory = (): string => join(mkdtempSync(join(tmpdir(), 'tollgate-spool-')), 'own');
  const open = (path: string, segmentBytes = 1_000): Spool =>
    new Spool({
      directory: path,
      segmentBytes,
      syncWithinMs: 5,
      onSyncError: (error) => expect.unreachable(error.message),
    });

  it('writes all records of a turn at once, then lets their callbacks run in order', async () => {
    const path = directory();
    const spool = open(path);
    const order: string[] = [];
    const size = (): number =>
      readdirSync(path).reduce((sum, name) => sum + readFileSync(join(path, name)).length, 0);
    const append = (text: string): void =>
      spool.append({
        payload: () => beginPayload(text),
        written: () => void order.push(`${text} ${size()}`),
        failed: () => false,
      });
    append('[1]');
    append('[2]');
    expect(size()).toBe(0);
    await new Promise(setImmediate);
    expect(order).toEqual(['[1] 24', '[2] 24']);
    spool.close();
  });

  it('removes a full file once nothing in it is needed, and its directory at the end', async () => {
    const path = directory();
    const spool = open(path, 10);
    const segments: Segment[] = [];
    for (let index = 0; index < 3; index += 1) {
      spool.append({
        payload: () => beginPayload('["something long"]'),
        written: (segment) => {
          segment.needed += 1;
          segments.push(segment);
        },
        failed: () => false,
      });
      await new Promise(setImmediate);
    }
    expect(readdirSync(path)).toHaveLength(3);
    for (const segment of segments) spool.forget(segment);
    expect(readdirSync(path)).toHaveLength(1);
    spool.close();
    expect(() => readdirSync(path)).toThrow('ENOENT');
  });
});
