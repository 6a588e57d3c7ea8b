import { describe, expect, it } from 'vitest';
import type { Charge } from '../prepared.js';
import { type Entry, entryOf } from '../spool/codec.js';
import { beginRecord, endRecord } from './records.harness.js';
import { rowParameters } from './row-parameters.js';

const charge = (type: Charge['scope']['type'], id: string): Charge => ({
  scope: { type, id },
  budget: 'total',
  periodId: 'total',
});
const entry = (over: Parameters<typeof beginRecord>[0]): Entry => {
  const begin = beginRecord(over);
  return entryOf(begin, endRecord(begin.id));
};

/** The rows as PostgreSQL will see them, with their charges put back. */
async function read(entries: readonly Entry[]): Promise<{ rows: unknown[][]; lists: number; count: number }> {
  const [rows, count, charges] = await rowParameters(entries);
  expect([rows[0], charges[0]]).toEqual([1, 1]);
  const lists: unknown[] = JSON.parse(charges.toString('utf8', 1));
  const numbered: unknown[][] = JSON.parse(rows.toString('utf8', 1));
  return { rows: numbered.map((row) => row.with(24, lists[Number(row[24])])), lists: lists.length, count };
}

const whole = (entries: readonly Entry[]): unknown[] =>
  entries.map(({ row }) => JSON.parse(row.toString('utf8')) as unknown);

describe('rows on their way to PostgreSQL', () => {
  it('carry charges that are alike once, also when they are other objects', async () => {
    const shared = [charge('proxy', 'proxy'), charge('key', 'k1')];
    const entries = [
      entry({ charges: shared }),
      entry({ charges: [charge('proxy', 'proxy'), charge('key', 'k2')] }),
      entry({ charges: shared }),
      entry({ charges: structuredClone(shared) }),
    ];
    expect(await read(entries)).toEqual({ rows: whole(entries), lists: 2, count: 4 });
  });

  it('are none, when there are none', async () => {
    expect(await read([])).toEqual({ rows: [], lists: 0, count: 0 });
  });

  /** A caller writes tags, its user agent and its own ids: none of them may be taken for what the call is charged to. */
  it('keep texts that look like charges', async () => {
    const charges = [charge('customer', '[{"scope"'), charge('tag', 'größer "]"')];
    const fake = JSON.stringify(charges);
    const entries = [
      entry({ charges, tags: ['[{', fake, ',[{', 'é[{"scope"'], userAgent: fake, sessionId: '[{"scope"' }),
      entry({ charges: [], tags: [fake], userAgent: '[{', clientCallId: fake }),
      entry({ charges, tags: ['\u{1f600}', ']]', '24'], requesterIp: '::1' }),
    ];
    expect(await read(entries)).toEqual({ rows: whole(entries), lists: 2, count: 3 });
  });

  it('have their charges also when their bytes were written otherwise', async () => {
    const written = entry({ charges: [charge('key', 'k1')] });
    const spaced = { ...written, row: Buffer.from(written.row.toString('utf8').replaceAll(',', ', ')) };
    expect(await read([spaced])).toEqual({ rows: whole([spaced]), lists: 1, count: 1 });
  });
});
