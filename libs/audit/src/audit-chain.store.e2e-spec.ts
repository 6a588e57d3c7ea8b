import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import { Secret } from '#libs/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { AuditSealer } from './audit-sealer.js';
import { AuditTrail, NOBODY } from './audit-trail.js';
import { CheckpointSigner } from './chain.js';
import { exportAudit } from './export-audit.js';
import { InstallationKey } from './installation-key.js';
import { pruneAudit } from './prune-audit.js';
import { verifyDatabase, verifyExport } from './verify-audit.js';
import type { AuditReport } from './verify-chain.js';

const key = new InstallationKey(new Secret('an installation'));
const trail = new AuditTrail(key);
let test: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  test = await createTestDatabase();
});
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tollgate-audit-'));
  await test.dataSource.query('TRUNCATE audit_events, audit_values, audit_checkpoints');
  return () => rmSync(dataDir, { recursive: true });
});
afterAll(() => test.drop());

const sealer = (): AuditSealer =>
  new AuditSealer(test.dataSource, trail, silentLogger, key, { server: { dataDir } } as Config);
const write = (n: number): Promise<unknown> =>
  withTransaction(test.dataSource, { system: 'test' }, (manager) =>
    trail.record(manager, {
      actor: { ...NOBODY, userId: `user-${n}`, ip: '10.0.0.1' },
      action: 'updated',
      noun: 'key',
      nounId: `key_${n}`,
      before: { alias: 'old', cap: 1 },
      after: { alias: `new-${n}`, cap: 2, tokenHash: 'x' },
    }),
  );
/** Ten rows, sealed in three batches. */
async function tenSealed(): Promise<void> {
  for (const batch of [
    [1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10],
  ]) {
    for (const n of batch) await write(n);
    await sealer().seal();
  }
}
const verify = (): Promise<AuditReport> => verifyDatabase(test.dataSource, { dataDir, key });
const said = ({ findings }: AuditReport): string => findings.map(({ message }) => message).join('\n');
const tamper = (sql: string): Promise<unknown> => test.dataSource.query(sql);

describe('a trail that nobody touched', () => {
  it('is sound, sealed to its end and proven to it', async () => {
    await tenSealed();
    const report = await verify();
    expect(said(report)).toBe('');
    expect(report.chains[0]).toEqual({ chain: 'changes', rows: 10n, provenUpTo: 10n, unsealed: 0 });
  });

  it('says what is not sealed yet', async () => {
    await tenSealed();
    await write(11);
    expect((await verify()).chains[0]).toMatchObject({ provenUpTo: 10n, unsealed: 1 });
  });

  it('is one chain, however many processes seal and write at once', async () => {
    await Promise.all([
      ...Array.from({ length: 60 }, (_, n) => write(n)),
      ...Array.from({ length: 6 }, () => sealer().seal()),
    ]);
    await sealer().seal();
    const report = await verify();
    expect(said(report)).toBe('');
    expect(report.chains[0]).toMatchObject({ rows: 60n, unsealed: 0 });
  });

  it('holds no value in what is hashed, and no secret anywhere', async () => {
    await write(1);
    const [row] = (await test.dataSource.query('SELECT record FROM audit_events')) as [{ record: string }];
    for (const value of ['user-1', '10.0.0.1', 'key_1', 'new-1']) expect(row.record).not.toContain(value);
    expect(JSON.stringify(await test.dataSource.query('SELECT * FROM audit_values'))).toContain('[masked]');
  });
});

describe('somebody with the database finds no way round', () => {
  const SHIFTED = 'UPDATE audit_events SET seq = CASE seq WHEN 4 THEN 105 ELSE 104 END WHERE seq IN (4, 5)';
  it.each([
    [
      'a record is edited',
      `UPDATE audit_events SET record = replace(record, '"updated"', '"deleted"') WHERE seq = 5`,
      'Row 5 ',
    ],
    [
      'a shown column is edited',
      `UPDATE audit_events SET action = 'read' WHERE seq = 5`,
      'shows another action',
    ],
    [
      'who did it is edited',
      `UPDATE audit_events SET actor_user_id = 'somebody' WHERE seq = 5`,
      'shows another actorUserId',
    ],
    [
      'who did it is hidden',
      `UPDATE audit_events SET actor_user_id = NULL WHERE seq = 5`,
      'shows another actorUserId',
    ],
    [
      'when is edited',
      `UPDATE audit_events SET at = at - interval '1 day' WHERE seq = 5`,
      'shows another at',
    ],
    [
      'a value is edited',
      `UPDATE audit_values SET items = jsonb_set(items, '{after.alias,1}', '"\\"x\\""') WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)`,
      'another value of after.alias',
    ],
    [
      'a value is removed',
      `UPDATE audit_values SET items = items - 'after.alias' WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)`,
      'no erasure took it',
    ],
    [
      'all values of a row are removed',
      `DELETE FROM audit_values WHERE event_id = (SELECT id FROM audit_events WHERE seq = 5)`,
      'no erasure took it',
    ],
    ['a row is removed', 'DELETE FROM audit_events WHERE seq = 5', 'Row 5 of changes is missing'],
    [
      'three rows are removed',
      'DELETE FROM audit_events WHERE seq IN (4, 5, 6)',
      'Row 4 to 6 of changes is missing',
    ],
    ['the first row is removed', 'DELETE FROM audit_events WHERE seq = 1', 'Row 1 of changes is missing'],
    ['the last row is removed', 'DELETE FROM audit_events WHERE seq = 10', 'the chain ends at 9'],
    [
      'the tail and its checkpoints are removed',
      'DELETE FROM audit_events WHERE seq > 7; DELETE FROM audit_checkpoints WHERE seq > 7',
      'the chain ends at 7',
    ],
    [
      'everything is removed',
      'TRUNCATE audit_events, audit_values, audit_checkpoints',
      'the chain ends at 0',
    ],
    [
      'two rows change places',
      `${SHIFTED}; UPDATE audit_events SET seq = seq - 100 WHERE seq > 100`,
      'does not fit its hash',
    ],
    ['a row is numbered away', 'UPDATE audit_events SET seq = 99 WHERE seq = 10', 'missing'],
  ])('when %s', async (_, sql, expected) => {
    await tenSealed();
    await tamper(sql);
    const report = await verify();
    expect(report.isSound).toBe(false);
    expect(said(report)).toContain(expected);
  });

  it('when a row is added, before and after it is sealed', async () => {
    await tenSealed();
    await tamper(
      `INSERT INTO audit_events (id, at, action, noun, noun_id, record, mac)
       SELECT 'audit_forged', at, action, noun, noun_id, replace(record, id, 'audit_forged'), mac FROM audit_events WHERE seq = 5`,
    );
    expect(said(await verify())).toContain('was not written by Tollgate');
    await sealer().seal();
    await write(12);
    await sealer().seal();
    expect(said(await verify())).toContain('Row 11 of changes (audit_forged) was not written by Tollgate');
  });

  it('when rows look as if an earlier release had written them', async () => {
    await tenSealed();
    await tamper(
      `INSERT INTO audit_events (id, action, noun, noun_id) VALUES ('audit_old', 'created', 'key', 'k')`,
    );
    await sealer().seal();
    expect(said(await verify())).toContain('(audit_old) was not written by Tollgate');
  });

  it('when the whole chain is rebuilt over a changed row', async () => {
    await tenSealed();
    const rows: { id: string }[] = await test.dataSource.query(
      'SELECT id FROM audit_events WHERE seq <> 5 ORDER BY seq',
    );
    await tamper('DELETE FROM audit_events WHERE seq = 5');
    await tamper('UPDATE audit_events SET seq = NULL, hash = NULL; DELETE FROM audit_checkpoints');
    expect(rows).toHaveLength(9);
    await sealer().seal();
    expect((await verify()).isSound).toBe(false);
  });

  it('says when nothing outside the database proves it', async () => {
    await tenSealed();
    rmSync(join(dataDir, 'audit'), { recursive: true });
    expect((await verify()).chains[0]).toMatchObject({ rows: 10n, provenUpTo: 0n });
  });
});

describe('an export', () => {
  const exported = async (): Promise<{ path: string; lines: string[] }> => {
    let text = '';
    for await (const line of exportAudit(test.dataSource, key, dataDir)) text += line;
    const path = join(dataDir, 'export.jsonl');
    writeFileSync(path, text);
    return { path, lines: text.trimEnd().split('\n') };
  };

  it('proves itself, without the database', async () => {
    await tenSealed();
    const { path } = await exported();
    const report = await verifyExport(path, readFileSync(join(dataDir, 'audit/public-keys.pem'), 'utf8'));
    expect(said(report)).toBe('');
    expect(report.chains[0]).toMatchObject({ rows: 10n, provenUpTo: 10n });
  });

  it.each([
    [
      'edited',
      (lines: string[]) =>
        lines.map((line, n) =>
          n === 5 ? line.replace(String.raw`\"updated\"`, String.raw`\"deleted\"`) : line,
        ),
    ],
    [
      'edited where people read',
      (lines: string[]) =>
        lines.map((line, n) => (n === 5 ? line.replace('"action":"updated"', '"action":"read"') : line)),
    ],
    ['removed', (lines: string[]) => lines.filter((_, n) => n !== 5)],
    // Attack: what happened lately is cut off, with all that could tell of it.
    ['cut off with everything after it', (lines: string[]) => lines.slice(0, 8)],
    [
      'cut off with the checkpoints that speak of it',
      (lines: string[]) => lines.filter((line, n) => n < 8 || line.startsWith('{"type":"end"')),
    ],
    ['added after the end', (lines: string[]) => [...lines, lines[5] ?? '']],
    ['all there was', () => []],
    ['removed at the end', (lines: string[]) => lines.filter((_, n) => n !== 10)],
    ['added', (lines: string[]) => [...lines.slice(0, 5), lines[5] ?? '', ...lines.slice(5)]],
    ['moved', (lines: string[]) => [...lines.slice(0, 5), lines[6] ?? '', lines[5] ?? '', ...lines.slice(7)]],
  ])('in which a row was %s is found out', async (_, change) => {
    await tenSealed();
    const { path, lines } = await exported();
    writeFileSync(path, `${change(lines).join('\n')}\n`);
    expect((await verifyExport(path)).isSound).toBe(false);
  });

  /** Attack: the whole export is made anew, with another key of which it carries the public half. */
  it('of another installation is not this one’s', async () => {
    await tenSealed();
    const { path } = await exported();
    const stranger = new InstallationKey(new Secret('somebody else'));
    const { publicKey } = new CheckpointSigner(stranger);
    expect((await verifyExport(path, publicKey)).isSound).toBe(false);
  });
});

it('rows of a release before there was a chain begin it', async () => {
  await tamper(
    `INSERT INTO audit_events (id, actor_user_id, action, noun, noun_id) VALUES ('audit_1', 'ann', 'created', 'key', 'k1')`,
  );
  await tamper(
    `INSERT INTO audit_values VALUES ('audit_1', '{"earlier": {"before": null, "after": {"alias": "a"}}}')`,
  );
  await sealer().seal();
  await write(2);
  await sealer().seal();
  const report = await verify();
  expect(said(report)).toBe('');
  expect(report.chains[0]).toMatchObject({ rows: 2n });
});

describe('a beginning whose time is over', () => {
  const prune = (): Promise<number> =>
    withTransaction(test.dataSource, { system: 'test' }, (manager) =>
      pruneAudit(manager, trail, new Date(Date.now() + 2 * 86_400_000)),
    );

  it('goes up to a checkpoint, and what is left still verifies, to its end', async () => {
    await tenSealed();
    expect(await prune()).toBe(7);
    await sealer().seal();
    const report = await verify();
    expect(said(report)).toBe('');
    expect(report.chains[0]).toMatchObject({ rows: 11n, provenUpTo: 11n });
    expect(await prune()).toBe(3);
    await sealer().seal();
    expect(said(await verify())).toBe('');
  });

  it('is missed when somebody else took it, or more of it', async () => {
    await tenSealed();
    await prune();
    await sealer().seal();
    await tamper('DELETE FROM audit_events WHERE seq = 8');
    expect(said(await verify())).toContain('Row 1 to 8 of changes is missing');
  });

  it('is missed when a row that says so was made up', async () => {
    await tenSealed();
    await tamper('DELETE FROM audit_events WHERE seq <= 7');
    const [end]: { hash: string }[] = await test.dataSource.query(
      'SELECT hash FROM audit_checkpoints WHERE seq = 7',
    );
    const forger = new AuditTrail(new InstallationKey(new Secret('somebody else')));
    const pruned = { chain: 'changes' as const, upTo: '7', hash: end?.hash ?? '' };
    await forger.record(test.dataSource, {
      actor: NOBODY,
      action: 'pruned',
      noun: 'audit',
      nounId: 'changes',
      pruned,
    });
    await tamper(`UPDATE audit_events SET mac = NULL WHERE seq IS NULL`);
    await sealer().seal();
    expect((await verify()).isSound).toBe(false);
  });
});
