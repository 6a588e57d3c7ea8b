import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import ts from 'typescript';

/**
 * Kills a process in the middle of recording spend, again and again, and asks PostgreSQL afterwards:
 * `node test/chaos/spool-kill.ts [rounds]`. The database is DATABASE_URL's (migrated), or a throw-away one.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface KillReport {
  readonly rounds: number;
  /** Calls whose client saw the end. */
  readonly finished: number;
  readonly entries: number;
  readonly crashCharged: number;
  readonly problems: readonly string[];
}

/** The sources as plain JavaScript in a folder of its own, so that the process to be killed starts in a fraction of a second. */
export function compile(): string {
  const out = mkdtempSync(join(root, 'node_modules', '.chaos-'));
  writeFileSync(
    join(out, 'package.json'),
    JSON.stringify({ type: 'module', imports: { '#libs/*': './libs/*/src/index.js' } }),
  );
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  };
  for (const folder of ['libs', 'test/chaos', 'test/harness']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('spec.ts') || file.endsWith('.d.ts')) continue;
      const path = join(root, folder, file);
      const target = join(out, relative(root, path)).replace(/\.ts$/, '.js');
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(
        target,
        ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions: options }).outputText,
      );
    }
  }
  return out;
}

const TOLD_EVERY = 25;

function child(compiled: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(compiled, 'test/chaos/spool-child.js'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

function ended(process: ChildProcess): Promise<void> {
  return new Promise((resolve) => process.once('close', () => resolve()));
}

/** Lets a process record calls, kills it after a random moment, and returns what it said it had begun and finished. */
async function round(writer: ChildProcess): Promise<{ begun: string[]; finished: string[] }> {
  writer.stdin?.on('error', () => undefined).write('begin\n');
  let output = '';
  const afterMs = Math.random() * 250;
  writer.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') setTimeout(() => writer.kill('SIGKILL'), afterMs);
    output += text;
  });
  await ended(writer);
  const lines = output.split('\n').slice(0, -1);
  const told = (mark: string): string[] =>
    lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1));
  return { begun: told('>'), finished: told('+') };
}

/** Runs the rounds and checks: each finished call once and at its price, each begun one accounted for, balances equal to sums. */
export async function killRounds(url: string, rounds: number, compiled: string): Promise<KillReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-chaos-'));
  const finished: string[] = [];
  const begun: string[] = [];
  let startedAt = performance.now();
  // Starting a process takes longer than a round, so the next one starts meanwhile.
  const start = (number: number): ChildProcess =>
    child(compiled, ['write', dataDir, url, `r${process.pid}_${number}`]);
  let next = start(0);
  try {
    for (let number = 0; number < rounds; number += 1) {
      const writer = next;
      if (number + 1 < rounds) next = start(number + 1);
      const told = await round(writer);
      finished.push(...told.finished);
      begun.push(...told.begun);
      if ((number + 1) % TOLD_EVERY === 0) {
        const ms = (performance.now() - startedAt) / TOLD_EVERY;
        process.stderr.write(
          `${number + 1} rounds, ${finished.length} calls finished; ${Math.round(ms)} ms a round\n`,
        );
        startedAt = performance.now();
      }
    }
    await ended(child(compiled, ['adopt', dataDir, url]));
    const left = readdirSync(join(dataDir, 'spool'));
    return { rounds, ...(await verify(url, begun, finished, left)) };
  } finally {
    next.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function verify(
  url: string,
  begun: readonly string[],
  finished: readonly string[],
  left: readonly string[],
): Promise<Omit<KillReport, 'rounds'>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; cost: string; flag: string }>(
      'SELECT id, cost_nano AS cost, flag FROM ledger_entries',
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    const problems: string[] = [];
    if (byId.size !== rows.length) problems.push(`${rows.length - byId.size} entries are there twice`);
    for (const id of finished)
      if (byId.get(id)?.cost !== '7') problems.push(`${id} finished, and is ${JSON.stringify(byId.get(id))}`);
    for (const id of begun) if (!byId.has(id)) problems.push(`${id} was begun and left no trace`);
    const sum = rows.reduce((total, { cost }) => total + BigInt(cost), 0n);
    const balances = await client.query<{ scope_type: string; settled: string; requests: string }>(
      "SELECT scope_type, settled_nano AS settled, requests FROM balances WHERE scope_id = 'chaos'",
    );
    if (balances.rows.length !== 2) problems.push(`${balances.rows.length} balances instead of 2`);
    for (const { scope_type, settled, requests } of balances.rows) {
      if (BigInt(settled) !== sum || Number(requests) !== rows.length)
        problems.push(
          `the ${scope_type}'s balance is ${settled} (${requests}), its entries are ${sum} (${rows.length})`,
        );
    }
    for (const name of left) problems.push(`the spool still holds ${name}`);
    return {
      finished: finished.length,
      entries: rows.length,
      crashCharged: rows.filter(({ flag }) => flag === 'crash').length,
      problems,
    };
  } finally {
    await client.end();
  }
}

async function borrowDatabase(compiled: string): Promise<{ url: string; giveBack: () => Promise<void> }> {
  const lender = child(compiled, ['postgres']);
  if (!lender.stdout) throw new Error('no output');
  for await (const url of createInterface({ input: lender.stdout })) {
    return {
      url,
      giveBack: async () => {
        lender.stdin?.end();
        await ended(lender);
      },
    };
  }
  throw new Error('no database');
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 1_000);
  const compiled = compile();
  const given = process.env['DATABASE_URL'];
  const database = given ? { url: given, giveBack: async () => undefined } : await borrowDatabase(compiled);
  try {
    const report = await killRounds(database.url, rounds, compiled);
    process.stdout.write(
      `${JSON.stringify({ ...report, problems: report.problems.slice(0, 20) }, null, 2)}\n`,
    );
    process.exitCode = report.problems.length === 0 ? 0 : 1;
  } finally {
    await database.giveBack();
    rmSync(compiled, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
