import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandRun, runTollgate } from '../harness/command.js';
import { Product } from '../harness/product.js';

let product: Product;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-newcomer-'));

beforeAll(async () => {
  product = await Product.start({ masterKey: null });
});

afterAll(async () => {
  await product?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** The lines it prints to be copied: from `KEY=` to the empty line behind them. */
function printedLines(): string[] {
  const lines = product.logs.split('\n').map((line) => line.trim());
  const first = lines.findIndex((line) => line.startsWith('KEY='));
  return lines.slice(first, lines.indexOf('', first));
}

/** A shell as a newcomer has it. Their curl also says what the answers cost, on the other stream, so that the lines stay as printed. */
function inShell(lines: readonly string[]) {
  writeFileSync(join(folder, '.curlrc'), 'write-out = "%{stderr}cost=%header{x-litellm-response-cost};"\n');
  const run = spawnSync('bash', ['-euo', 'pipefail', '-c', `${lines.join('\necho\n')}\necho; echo "$KEY"`], {
    cwd: product.folder,
    env: { PATH: process.env.PATH, CURL_HOME: folder },
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (run.status !== 0) throw new Error(`the printed lines failed:\n${run.stdout}\n${run.stderr}`);
  return {
    answers: run.stdout.split('\n').filter(Boolean),
    costs: [...run.stderr.matchAll(/cost=([\d.]+);/g)].map(([, cost]) => Number(cost)),
  };
}

/** The files of the data directory a person could open; PostgreSQL's own folder is not looked into. */
const dataFile = (name: string): string => join(product.dataDir, name);

describe('the first minute with nothing configured', () => {
  it('is three printed lines that make a key, call the model and show what it cost', () => {
    const lines = printedLines();
    expect(lines).toHaveLength(3);
    const { answers, costs } = inShell(lines);
    const [completion, info, key] = answers;
    expect(JSON.parse(completion ?? '').choices[0].message.content).toContain('Tollgate');
    expect(key).toMatch(/^sk-\S{16,}$/);
    const { spend, max_budget } = JSON.parse(info ?? '').info;
    expect(max_budget).toBe(1);
    expect(spend).toBeGreaterThan(0);
    expect(costs).toEqual([spend]);
    expect(product.logs).not.toContain(key);
  });

  it('says where it listens and where its data is', () => {
    expect(product.logs).toContain(`listens on ${product.url}`);
    expect(product.logs).toContain(product.dataDir);
  });

  it('keeps the master key for its owner only, and never prints it', () => {
    expect(statSync(dataFile('master-key')).mode & 0o777).toBe(0o600);
    expect(product.masterKey.length).toBeGreaterThan(40);
    expect(product.logs).toContain(`cat ${dataFile('master-key')}`);
    expect(product.logs).not.toContain(product.masterKey);
  });

  it('listens on this machine only', async () => {
    expect(product.logs).toContain('http://127.0.0.1:');
  });
});

describe('a data directory', () => {
  it('serves one product at a time: a second one is told who has it', async () => {
    const second = await runTollgate(['--port', '0', '--data-dir', product.dataDir]);
    expect(second.exitCode).toBe(1);
    expect(second.output).toMatch(
      new RegExp(`data directory ${product.dataDir} is in use by process ${product.pid}`),
    );
    expect(second.output).not.toMatch(/\n\s+at /);
    expect((await product.request('GET', '/health/readiness')).status).toBe(200);
  });

  it('makes the second start warm: ready within five seconds, with the same key', async () => {
    const key = product.masterKey;
    expect(await product.stop()).toBe(0);
    const startedAt = performance.now();
    await product.restart();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(product.masterKey).toBe(key);
    expect((await product.request('GET', '/key/list')).status).toBe(200);
  });

  it('can be used again after kill -9, with every key and its spend', async () => {
    const [, , key] = inShell(printedLines()).answers;
    await product.kill();
    await product.restart();
    const info = (await (await product.request('GET', '/key/info', undefined, key)).json()) as {
      info: { spend: number };
    };
    expect(info.info.spend).toBeGreaterThan(0);
  });

  it('is left clean by Ctrl-C', async () => {
    expect(await product.stop('SIGINT')).toBe(0);
    expect(existsSync(dataFile('postgres/postmaster.pid'))).toBe(false);
    expect(product.logs.split('\n').filter((line) => /not clean|ERROR|FATAL/.test(line))).toEqual([]);
  });
});

describe('what the command says', () => {
  const tollgate = (args: readonly string[], env?: Record<string, string>): Promise<CommandRun> =>
    runTollgate(args, { cwd: folder, ...(env ? { env } : {}) });
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };

  it('answers --help, help and --version', async () => {
    const help = await tollgate(['--help']);
    expect(help.exitCode).toBe(0);
    for (const word of [
      'migrate',
      'doctor',
      'config check',
      '--config',
      '--port',
      '--host',
      '--data-dir',
      'DATABASE_URL',
    ]) {
      expect(help.output).toContain(word);
    }
    expect(await tollgate(['help'])).toEqual(help);
    const version = await tollgate(['--version']);
    expect(version).toEqual({ exitCode: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([
    [['frobnicate'], 2, /there is no command frobnicate/],
    [['--bogus'], 2, /Unknown option '--bogus'/],
    [['start', 'now'], 2, /start takes no argument: now/],
    [['migrate', 'now'], 2, /migrate takes no argument: now/],
    [['config', 'check'], 2, /config check takes one file/],
    [['--port'], 2, /--port/],
    [['--port', 'abc'], 1, /--port: expected a whole number from 0 to 65535/],
    [['--port', '65536'], 1, /--port: expected a whole number from 0 to 65535/],
    [['--role', 'king'], 1, /--role: must be one of all, proxy, admin, worker/],
    [['--host', '192.0.2.1'], 1, /--host: 192\.0\.2\.1 is not an address of this machine/],
    [['--config', 'missing.yaml'], 1, /missing\.yaml: the file cannot be read/],
    [['migrate', '--config', 'missing.yaml'], 1, /missing\.yaml: the file cannot be read/],
    [['doctor', '--config', 'missing.yaml'], 1, /missing\.yaml: the file cannot be read/],
    [['config', 'check', 'missing.yaml'], 1, /missing\.yaml: the file cannot be read/],
  ])('%j ends with a sentence, not with a stack', async (args, exitCode, sentence) => {
    const run = await tollgate(args);
    expect(run.output).toMatch(sentence);
    expect(run.output).not.toMatch(/\n\s+at |node:internal/);
    expect(run.exitCode).toBe(exitCode);
  });

  it('names the port that is taken, before it starts anything', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const run = await tollgate(['--port', String(port), '--data-dir', join(folder, 'taken')]);
    other.close();
    expect(run.output).toMatch(new RegExp(`--port: ${port} on 127.0.0.1 is in use`));
    expect(run.exitCode).toBe(1);
    expect(existsSync(join(folder, 'taken', 'postgres'))).toBe(false);
  });

  it('points at the line of a broken file, and at the path of a wrong setting', async () => {
    expect((await tollgate(['--config', file('broken.yaml', 'model_list: [1\n')])).output).toMatch(
      /broken\.yaml:\d+:\d+: /,
    );
    expect((await tollgate(['--config', file('wrong.yaml', 'model_list: 5\n')])).output).toMatch(
      /model_list: expected a list of models, got number/,
    );
  });

  it('tells a store that is away from a wrong address of it', async () => {
    const away = await tollgate(['migrate'], { DATABASE_URL: 'postgres://u:secret-word@127.0.0.1:9/x' });
    expect(away.output).toMatch(
      /PostgreSQL \(DATABASE_URL\) at 127\.0\.0\.1:9 cannot be used: .*Start it, or correct host and port/,
    );
    const wrong = await tollgate([], { DATABASE_URL: 'secret-word' });
    expect(wrong.output).toMatch(/DATABASE_URL: expected a URL that starts with postgresql/);
    expect(away.output + wrong.output).not.toContain('secret-word');
    expect([away.exitCode, wrong.exitCode]).toEqual([1, 1]);
  });

  it('checks a file: understood is 0, would not start is 1, each finding with its path', async () => {
    const good = await tollgate([
      'config',
      'check',
      file('good.yaml', 'general_settings:\n  alow_user_auth: true\n'),
    ]);
    expect(good.exitCode).toBe(0);
    expect(good.output).toMatch(/unknown\s+general_settings\.alow_user_auth: .*allow_user_auth/);
    const unsafe = await tollgate([
      'config',
      'check',
      file('unsafe.yaml', 'guardrails:\n  - guardrail_name: g\n'),
    ]);
    expect(unsafe.output).toMatch(/unsupported\s+guardrails: .*weaken security/);
    expect(unsafe.output).toContain('unsafe.yaml would not start.');
    expect(unsafe.exitCode).toBe(1);
  });

  it('explains the environment: doctor finds a key in the file, and a weak one is bad', async () => {
    expect((await tollgate(['doctor'])).exitCode).toBe(0);
    const config = file('weak.yaml', 'general_settings:\n  master_key: sk-1234\n');
    const run = await tollgate(['doctor', '--config', config]);
    expect(run.output).toMatch(/look\s+The master key stands in the configuration file/);
    expect(run.output).toMatch(/bad\s+The master key is weak/);
    expect(run.output).not.toContain('sk-1234');
    expect(run.exitCode).toBe(1);
  });

  it('runs the checklist of production', async () => {
    const run = await tollgate(['doctor', '--production'], {
      NODE_ENV: 'production',
      LITELLM_MASTER_KEY: 'a-long-and-quite-random-key-93k2',
    });
    expect(run.exitCode).toBe(0);
    for (const topic of [
      'NODE_ENV is production',
      'master key is strong',
      'allowed_ips',
      'litellm_settings.rpm',
      'CORS',
      'Logs are JSON',
      'HTTPS',
    ]) {
      expect(run.output).toContain(topic);
    }
  });

  it('refuses a weak master key in production, and says why', async () => {
    const run = await tollgate([], { NODE_ENV: 'production', LITELLM_MASTER_KEY: 'sk-1234' });
    expect(run.output).toMatch(/master key.*(weak|short|well known)/i);
    expect(run.exitCode).toBe(1);
  });

  it('migrates an embedded store, twice without harm', async () => {
    const dataDir = product.dataDir; // stopped by now
    for (let time = 0; time < 2; time += 1) {
      const run = await tollgate(['migrate', '--data-dir', dataDir]);
      expect(run).toEqual({ exitCode: 0, output: expect.stringContaining('The schema is up to date.') });
    }
    expect(readFileSync(dataFile('master-key'), 'utf8')).toContain('sk-');
  });
});
