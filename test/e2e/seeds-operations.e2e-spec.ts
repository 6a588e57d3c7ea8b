import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Guide, startGuide } from '../harness/guide.js';
import { MASTER_KEY } from '../harness/product.js';

let guide: Guide;

beforeAll(async () => {
  guide = await startGuide();
});
afterAll(() => guide?.dispose());

/** The end of the log, once it holds the word: it is written a moment after the answer. */
async function grepLog(word: string): Promise<string> {
  let found = '';
  for (let waitedMs = 0; waitedMs < 5_000 && found === ''; waitedMs += 50) {
    found = (await guide.shell.run(`tail -n +1 gateway.log | grep "${word}"`)).output;
    if (found === '') await delay(50);
  }
  return found;
}

describe('the security guide: the network', () => {
  it('lets in the addresses it names, and nobody else, whatever a header says', async () => {
    const line = `curl ${guide.product.url}/v1/models -H "Authorization: Bearer ${MASTER_KEY}"`;
    expect((await guide.shell.curl(line)).status).toBe(200);
    const outside = await guide.shell.curl(`${line} --interface 127.0.0.2 -H "X-Forwarded-For: 10.1.2.3"`);
    expect(outside.status).toBe(403);
    expect(outside.json.error.message).toBeTruthy();
  });

  it('answers the origins it names', async () => {
    const preflight = (origin: string) =>
      fetch(`${guide.product.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization',
        },
      });
    expect((await preflight('https://app.yourdomain.com')).headers.get('access-control-allow-origin')).toBe(
      'https://app.yourdomain.com',
    );
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the security guide: watching', () => {
  it('logs the words it greps for, as JSON lines, without the key', async () => {
    await guide.ask('gpt-3.5-turbo', 'sk-a-key-that-nobody-made-0123456789');
    const closed = await guide.product.makeKey({ rpm: 0 });
    expect((await guide.ask('gpt-3.5-turbo', closed)).status).toBe(429);
    await guide.ask('gpt-99', MASTER_KEY);
    for (const word of ['Authentication failed', 'rate_limit_exceeded', 'model not found']) {
      const [line] = (await grepLog(word)).split('\n');
      expect(line, word).toContain(word);
      expect(JSON.parse(line ?? '')).toBeTypeOf('object');
    }
    const log = readFileSync(join(guide.shell.folder, 'gateway.log'), 'utf8');
    for (const secret of ['sk-a-key-that-nobody-made-0123456789', MASTER_KEY, 'sk-of-the-provider'])
      expect(log).not.toContain(secret);
  });

  it('greps out a burst of failures', async () => {
    for (let i = 0; i < 60; i += 1) await guide.ask('gpt-3.5-turbo', `sk-guess-${i}-000000000000`);
    expect(await grepLog('suspicious-activity')).toContain('suspicious-activity');
  });

  it('mirrors requests into the SQLite file that the guide’s script reads', async () => {
    const script = `
import sqlite3

conn = sqlite3.connect('litellm.db')
cursor = conn.cursor()

# Recent requests
cursor.execute("""
    SELECT timestamp, user, model, tokens
    FROM request_log
    ORDER BY timestamp DESC
    LIMIT 10
""")

for row in cursor.fetchall():
    print(row)
`;
    const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;
    const inNode = `import { DatabaseSync } from 'node:sqlite';
      const rows = new DatabaseSync('litellm.db').prepare('SELECT timestamp, user, model, tokens FROM request_log ORDER BY timestamp DESC LIMIT 10').all();
      for (const { timestamp, user, model, tokens } of rows) console.log("('" + [timestamp, user, model].join("', '") + "', " + tokens + ')');`;
    writeFileSync(join(guide.product.folder, 'query.py'), script);
    writeFileSync(join(guide.product.folder, 'query.mjs'), inNode);
    const command = hasPython ? 'python3 query.py' : `"${process.execPath}" query.mjs`;
    for (let i = 0; i < 10; i += 1) await guide.ask('gpt-3.5-turbo', MASTER_KEY);
    let output = '';
    for (let waitedMs = 0; waitedMs < 15_000 && output.split('\n').length < 10; waitedMs += 250) {
      output = (await guide.shell.run(`cd "${guide.product.folder}" && ${command}`)).output;
      if (output.split('\n').length < 10) await delay(250);
    }
    const rows = output.trim().split('\n');
    expect(rows).toHaveLength(10);
    expect(rows[0]).toMatch(/^\('20\d\d-\d\d-\d\dT[\d:.]+Z', '[^']+', '[\w.-]+', \d+\)$/);
  });
});

describe('the team guide', () => {
  it('blocks a team, whose requests fail until it is unblocked', async () => {
    await guide.product.request('POST', '/team/new', { team_id: 'litellm-test-client-id-new' });
    const key = await guide.product.makeKey({ team_id: 'litellm-test-client-id-new' });
    expect((await guide.ask('gpt-3.5-turbo', key)).status).toBe(200);
    const line = (verb: string) => `curl --location 'http://0.0.0.0:4000/team/${verb}' \\
--header 'Authorization: Bearer <admin-token>' \\
--header 'Content-Type: application/json' \\
--data '{
"team_id": "litellm-test-client-id-new" # 👈 set team id
}'`;
    const blocked = await guide.run(line('block'));
    expect(blocked.status).toBe(200);
    expect(blocked.json).toMatchObject({ team_id: 'litellm-test-client-id-new', blocked: true });
    const refused = await guide.ask('gpt-3.5-turbo', key);
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringMatching(/blocked/i) } });
    const unblocked = await guide.run(line('unblock'));
    expect(unblocked.json).toMatchObject({ blocked: false });
    expect((await guide.ask('gpt-3.5-turbo', key)).status).toBe(200);
  });
});
