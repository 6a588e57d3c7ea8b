import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../test/harness/postgres.js';
import { compile, killRounds } from '../../../../test/chaos/spool-kill.js';
import { entryOf } from '../spool/codec.js';
import { beginRecord, endRecord, spend, testConfig } from './records.harness.js';
import { LedgerDatabase } from './ledger-database.harness.js';
import { LedgerStore } from './ledger-store.js';
import { SpendLedger } from './spend-ledger.js';
import type { Spool, SpoolOptions } from '../spool/spool.js';

const database = LedgerDatabase.forThisFile();
let dataDir: string;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tollgate-ledger-'));
  await database.empty();
});

const scalar = (sql: string): Promise<string> => database.scalar(sql);
const open = (): Promise<SpendLedger> => database.open(dataDir);

describe('the ledger', () => {
  it('stores each call once, feeds its balances, and leaves no file behind', async () => {
    const ledger = await open();
    await Promise.all(Array.from({ length: 2_500 }, () => spend(ledger)));
    await ledger.flush();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('2500');
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('25000');
    expect(await scalar('SELECT requests FROM balances')).toBe('2500');
    await ledger.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('adds nothing when the same entries are stored again, alone, together or at once', async () => {
    const store = new LedgerStore(database.rows, silentLogger);
    const entries = Array.from({ length: 300 }, () => beginRecord()).map((begin) =>
      entryOf(begin, endRecord(begin.id)),
    );
    await Promise.all([
      store.insert(entries),
      store.insert([...entries].reverse()),
      store.insert(entries.concat(entries)),
    ]);
    await store.insert(entries);
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('3000');
  });

  /** A caller's `user` or tag with NUL, half a surrogate pair or 10 KB must not stop the drain for everybody. */
  it('takes texts that PostgreSQL would refuse', async () => {
    const ledger = await open();
    const nasty = 'a\0b\ud800\\"{},' + 'x'.repeat(10_000);
    const charges = [{ scope: { type: 'customer' as const, id: nasty }, budget: 'total', periodId: 'total' }];
    await spend(
      ledger,
      beginRecord({
        customerId: nasty,
        clientCallId: nasty,
        userAgent: nasty,
        tags: [nasty, '', 'plain'],
        charges,
      }),
    );
    await ledger.flush();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('1');
    expect(await scalar('SELECT tags[3] FROM ledger_entries')).toBe('plain');
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('10');
    await ledger.close();
  });

  it('stores an entry of a day long gone', async () => {
    const ledger = await open();
    await spend(ledger, beginRecord({ startedAtMs: Date.UTC(2020, 1, 29) }));
    await ledger.flush();
    expect(await scalar('SELECT day::text FROM ledger_entries')).toBe('2020-02-29');
    await ledger.close();
  });

  it('keeps what PostgreSQL did not take in files, for the next process', async () => {
    const away = {
      insert: async () => Promise.reject(new Error('connection refused')),
    } as unknown as LedgerStore;
    const ledger = new SpendLedger(testConfig(dataDir), away, silentLogger);
    await ledger.start();
    await Promise.all(Array.from({ length: 50 }, () => spend(ledger)));
    await expect(ledger.flush()).rejects.toThrow('connection refused');
    expect(ledger.backlog().entries).toBe(50);
    await ledger.close();
    const next = await open();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('50');
    await next.close();
  });

  it('charges a call that began and never ended, once, flagged', async () => {
    const ledger = await open();
    const begin = beginRecord();
    await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
    await ledger.close();
    const next = await open();
    await next.adopt();
    expect(await scalar("SELECT flag || ' ' || cost_nano || ' ' || status FROM ledger_entries")).toBe(
      'crash 900 failure',
    );
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('900');
    await next.close();
  });

  it('goes on with an adoption that PostgreSQL interrupted', async () => {
    const first = await open();
    await new Promise<void>((resolve) => first.begin(beginRecord(), () => resolve()));
    await first.close();
    const store = new LedgerStore(database.rows, silentLogger);
    let away = true;
    const flaky = {
      insert: (entries: Parameters<LedgerStore['insert']>[0]) =>
        away ? Promise.reject(new Error('away')) : store.insert(entries),
    } as unknown as LedgerStore;
    const next = new SpendLedger(testConfig(dataDir), flaky, silentLogger);
    await expect(next.start()).rejects.toThrow('away');
    away = false;
    expect(await Promise.all([next.adopt(), next.adopt()])).toEqual([1, 0]);
    await next.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('never takes the files of a process that lives', async () => {
    const first = await open();
    await new Promise<void>((resolve) => first.begin(beginRecord(), () => resolve()));
    const second = await open();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('0');
    await Promise.all([first.close(), second.close()]);
  });

  it('refuses new work when the disk refuses it, answers in time, and loses no end', async () => {
    const ledger = new LedgerOnFragileDisk(
      testConfig(dataDir),
      new LedgerStore(database.rows, silentLogger),
      silentLogger,
    );
    await ledger.start();
    const begin = beginRecord();
    await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
    ledger.full = true;
    const refused = new Promise((resolve) => ledger.begin(beginRecord(), resolve));
    expect(await refused).toMatchObject({ code: 'ledger.backlog_full', status: 503 });
    await new Promise<void>((resolve, reject) =>
      ledger.end(endRecord(begin.id), (failed) => (failed ? reject(failed) : resolve())),
    );
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('1');
    ledger.full = false;
    await expect.poll(() => ledger.refusal()).toBeUndefined();
    await spend(ledger);
    await ledger.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('notes when a key was last used', async () => {
    await database.query(
      "INSERT INTO virtual_keys (id, token_hash, masked_name) VALUES ('k1', 'h', 'sk-...abcd')",
    );
    const ledger = await open();
    await spend(ledger);
    await ledger.close();
    expect(await scalar('SELECT last_active_at IS NOT NULL FROM virtual_keys')).toBe('true');
  });

  it('loses and doubles nothing when its process is killed in the middle of it, again and again', async () => {
    const compiled = compile();
    try {
      const report = await killRounds(database.url.reveal(), 30, compiled);
      expect(report.problems).toEqual([]);
      expect(report.finished).toBeGreaterThan(300);
    } finally {
      rmSync(compiled, { recursive: true, force: true });
    }
  }, 180_000);
});

class LedgerOnFragileDisk extends SpendLedger {
  readonly #broken = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  full = false;
  protected override openSpool(options: SpoolOptions): Spool {
    const spool = super.openSpool(options);
    const append = spool.current.append.bind(spool.current);
    spool.current.append = (bytes) => {
      if (this.full) throw this.#broken;
      append(bytes);
    };
    return spool;
  }
}
