// The database that is measured: a new one of the asked-for size, or the one that an earlier run left in a folder.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createDataSource, runMigrations, startEmbeddedPostgres } from '#libs/database';
import pg from 'pg';
import { seed } from './seed.mjs';

/** Filled and up to date. `keep`: the folder it stays in; without one it is gone after `stop`. */
export async function openDatabase({ size, keep, say }) {
  const folder = keep === undefined ? mkdtempSync(join(tmpdir(), 'tollgate-volume-')) : resolve(keep);
  mkdirSync(folder, { recursive: true });
  const note = join(folder, 'seeded.json');
  const found = existsSync(note) ? JSON.parse(readFileSync(note, 'utf8')) : undefined;
  if (found === undefined && existsSync(join(folder, 'postgres')))
    throw new Error(`${folder} holds a database that was never finished: remove it.`);
  if (found !== undefined && (found.keys !== size.keys || found.rows !== size.rows))
    throw new Error(
      `${folder} holds ${found.keys} keys and ${found.rows} calls: ask for those, or another folder.`,
    );

  const postgres = await startEmbeddedPostgres({ dataDir: folder, logger: loggerOf(say), throwAway: true });
  /** The folder is free for another server then. */
  const close = () => postgres.stop();
  const stop = async () => {
    await close();
    if (keep === undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const source = await createDataSource(
      { url: postgres.url, poolSize: 1, statementTimeoutMs: 0 },
      loggerOf(say),
    );
    const began = performance.now();
    const ran = await runMigrations(source);
    // A server that throws everything away cleans nothing up by itself.
    if (found !== undefined && ran.length > 0) await source.query('VACUUM (ANALYZE)');
    await source.destroy();
    if (found !== undefined)
      say(
        `the database of ${found.at} (brought up to date in ${((performance.now() - began) / 1000).toFixed(1)} s)`,
      );
    else {
      say(`seeding ${size.keys} keys and ${size.rows} calls ...`);
      const client = new pg.Client(postgres.url.reveal());
      await client.connect();
      await seed(client, size, say);
      await client.end();
      writeFileSync(note, `${JSON.stringify({ ...size, at: new Date().toISOString() })}\n`);
    }
    return { folder, url: postgres.url.reveal(), pid: postgres.pid, close, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function loggerOf(say) {
  const logger = {
    trace() {},
    debug() {},
    info() {},
    warn() {},
    error: (...words) => say(`error: ${JSON.stringify(words)}`),
    fatal: (...words) => say(`fatal: ${JSON.stringify(words)}`),
    child: () => logger,
  };
  return logger;
}
