import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginRecord, endRecord } from '../ledger/records.harness.js';
import { decodeBegin, decodeEnd, decodeEntry, encodeBegin, encodeEnd, entryOf } from './codec.js';
import { FrameBuffer, recordsOf } from './frame.js';
import type { Segment } from './segment.js';
import { Spool } from './spool.js';

describe('a spool record', () => {
  it('comes back as it was written, but for what PostgreSQL cannot hold', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string()),
        fc.bigInt({ min: 0n, max: 10n ** 18n }),
        (sent, tags, cost) => {
          const text = sent.replaceAll('\0', '\uFFFD').toWellFormed();
          const begin = beginRecord({ id: 'a', userAgent: sent, customerId: sent, tags });
          expect(decodeBegin(encodeBegin(begin))).toEqual({ ...begin, userAgent: text, customerId: text });
          const end = endRecord('a', cost, { error: { code: 'x', message: sent }, responseId: sent });
          const error = { code: 'x', message: text };
          expect(decodeEnd(encodeEnd(end))).toEqual({ ...end, error, responseId: text });
          const entry = entryOf(begin, end);
          expect(decodeEntry(entry.row)).toEqual(entry);
        },
      ),
    );
  });

  it('is one valid row for the database, whatever callers sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const begin = beginRecord({ id: text, userAgent: text, model: text, tags: [text] });
        const { row } = entryOf(begin, endRecord(text, 1n, { error: { code: text, message: text } }));
        expect(JSON.parse(row.toString())).toHaveLength(45);
        expect(row.toString()).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      }),
    );
  });

  it('is read up to the first damage and not a byte further, wherever a crash cut or a bit flipped', () => {
    const frames = new FrameBuffer();
    const ends: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      if (index % 2) frames.addBegin(`"${index}"`);
      else frames.addEntry(`"${index}"`, '"é"');
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
    const recorded = (): number =>
      readdirSync(path).reduce((sum, name) => sum + [...recordsOf(readFileSync(join(path, name)))].length, 0);
    const append = (text: string): void =>
      spool.append({
        frame: (into) => into.addBegin(text),
        written: () => void order.push(`${text} ${recorded()}`),
        failed: () => false,
      });
    append('[1]');
    append('[2]');
    expect(recorded()).toBe(0);
    await new Promise(setImmediate);
    expect(order).toEqual(['[1] 2', '[2] 2']);
    spool.close();
  });

  it('removes a full file once nothing in it is needed, and its directory at the end', async () => {
    const path = directory();
    const spool = open(path, 10);
    const segments: Segment[] = [];
    for (let index = 0; index < 3; index += 1) {
      spool.append({
        frame: (into) => into.addBegin('"something long"'),
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
