import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

const DAY = new Date().toISOString().slice(0, 10);
const MONTH = `start_date=${DAY.slice(0, 8)}01&end_date=${DAY}`;
const LOG = `start_date=${DAY} 00:00:00&end_date=${DAY} 23:59:59`;
/** Everything that is read apart, refusals among it. */
const PATHS = [
  '/key/list?return_full_object=true&expand=user',
  '/key/aliases',
  '/user/list',
  '/user/filter/ui',
  '/team/list',
  '/v2/team/list',
  '/team/filter/ui',
  '/spend/logs',
  `/spend/logs?${MONTH}`,
  `/spend/logs/v2?${LOG}`,
  '/spend/logs/v2',
  `/spend/logs/ui?${LOG}`,
  '/spend/logs/session/ui?session_id=none',
  '/spend/logs/ui/none',
  '/spend/keys',
  '/spend/users',
  '/spend/users?user_id=somebody-else',
  '/spend/tags',
  '/global/spend',
  '/global/spend/logs',
  '/global/spend/keys',
  '/global/spend/models',
  '/global/spend/teams',
  `/global/spend/provider?${MONTH}`,
  `/global/spend/report?${MONTH}`,
  `/global/spend/report?start_date=x&end_date=${DAY}`,
  `/global/activity?${MONTH}`,
  `/global/activity/model?${MONTH}`,
  `/user/daily/activity?${MONTH}`,
  `/team/daily/activity?${MONTH}`,
  `/team/daily/activity?${MONTH}&team_ids=nobodys`,
  `/team/spend/by_user?${MONTH}`,
] as const;
/** When this is logged, the next list is read there. */
const READY = 'read in a process of their own now';

let gate: GovernedProduct;
let key: string;
let readers: readonly string[];
beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }));
  const ann = await gate.admin('/user/new', {
    user_id: 'ann',
    user_email: 'ann@one.org',
    user_role: 'internal_user',
  });
  await gate.admin('/team/new', {
    team_id: 'red',
    team_alias: 'Red',
    members_with_roles: [{ user_id: 'ann', role: 'admin' }],
  });
  key = await gate.makeKey({ user_id: 'ann', team_id: 'red', key_alias: 'of ann' });
  // Enough for an answer in several pieces, with letters of several bytes at their edges.
  await gate.database.dataSource.query(
    `INSERT INTO virtual_keys (id, token_hash, masked_name, alias, team_id, user_id)
     SELECT 'many-' || n, 'hash-' || n, 'sk-...', repeat('ключ 鍵 ', n % 40) || n, 'red', 'ann' FROM generate_series(1, 400) n`,
  );
  await gate.chat(key);
  readers = [gate.product.masterKey, String(ann['key'])];
});
afterAll(() => gate?.dispose());

/** Without what each answer has of its own. */
async function answersOf(reader: string): Promise<Record<string, object>> {
  const answers: Record<string, object> = {};
  for (const path of PATHS) {
    const { status, headers, text } = await gate.ask('GET', path, undefined, reader);
    // When a key was last used is written a moment later.
    const body = text.replaceAll(/dec_\w+|"last_active":("[^"]*"|null)/g, '');
    answers[path] = { status, type: headers.get('content-type'), body };
  }
  return answers;
}

/** The process that reads, when it runs. */
function readerOf(pid: number): number | undefined {
  const found = spawnSync('pgrep', ['-P', String(pid), '-f', 'apart/reader.js'], { encoding: 'utf8' });
  return found.stdout === '' ? undefined : Number(found.stdout);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The priorities of all its threads, as Linux shows them. */
function prioritiesOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const fields = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

describe('lists and reports, once somebody browses', () => {
  it('are read in a process that gives way to calls, and say and refuse the same to everybody', async () => {
    const here = [];
    for (const reader of readers) here.push(await answersOf(reader));
    await expect.poll(() => gate.product.logs, { timeout: 30_000 }).toContain(READY);
    const reader = readerOf(gate.product.pid);
    if (process.platform === 'linux') expect(new Set(prioritiesOf(Number(reader)))).toEqual(new Set([10]));
    expect((await gate.ask('GET', '/team/list')).text.length).toBeGreaterThan(256 * 1024);
    for (const [index, reader] of readers.entries()) expect(await answersOf(reader)).toEqual(here[index]);
    expect(
      Object.values(here[0] ?? {}).filter((answer) => (answer as { status: number }).status === 200).length,
    ).toBeGreaterThan(25);
  });

  it('include every call that has ended', async () => {
    const callsOf = async (): Promise<number> =>
      (await gate.admin(`/spend/logs/v2?${LOG}&page_size=1`))['total'] as number;
    const before = await callsOf();
    for (let calls = 1; calls <= 3; calls += 1) {
      await gate.chat(key);
      expect(await callsOf()).toBe(before + calls);
    }
  });

  /** A caller is looked at where it asks: the reader knows nobody. */
  it('are refused at once to whoever was blocked', async () => {
    const other = await gate.makeKey({ user_id: 'ann' });
    expect((await gate.ask('GET', '/spend/logs', undefined, other)).status).toBe(200);
    await gate.admin('/key/block', { key: other });
    expect((await gate.ask('GET', '/spend/logs', undefined, other)).status).toBe(401);
  });

  it('wait their turn when many are asked for at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => gate.ask('GET', `/user/daily/activity?${MONTH}`)),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text.length}`)).size).toBe(1);
  });

  it('end with the process that serves calls, and with nothing else', async () => {
    const reader = Number(readerOf(gate.product.pid));
    process.kill(reader, 'SIGTERM');
    expect((await gate.ask('GET', '/team/list')).status).toBe(200);
    expect(readerOf(gate.product.pid)).toBe(reader);
    await gate.product.kill();
    await expect.poll(() => isAlive(reader), { timeout: 5_000 }).toBe(false);
    await gate.product.restart();
  });

  /** Half a list must not be taken for a whole one, and calls never wait for who reads. */
  it('are cut or refused when the reader dies, and read by the process that serves calls from then on', async () => {
    await expect
      .poll(() => gate.ask('GET', '/team/list').then(() => readerOf(gate.product.pid)), { timeout: 30_000 })
      .toBeDefined();
    const reader = Number(readerOf(gate.product.pid));
    await expect.poll(() => gate.product.logs, { timeout: 30_000 }).toContain(READY);
    process.kill(reader, 'SIGSTOP');
    const asked = gate.ask('GET', '/team/list');
    await Promise.race([asked, delay(500)]);
    process.kill(reader, 'SIGKILL');
    // On a busy machine it may not have come so far, and is then read where it was asked.
    const { status, text } = await asked;
    expect(status === 200 ? JSON.parse(text) : status).toEqual(status === 200 ? expect.any(Array) : 500);
    expect((await gate.ask('GET', '/team/list')).status).toBe(200);
    expect((await gate.chat(key)).status).toBe(200);
    expect(gate.product.logs).toContain('it will be started again');
  });
});
