import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../scripts/', import.meta.url));
const scripts = readdirSync(folder).filter((name) => name.endsWith('.mjs'));

function runNode(args: string[], env: NodeJS.ProcessEnv = process.env) {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 15_000 });
  return { status, stderr };
}

/** On a fresh machine nothing is installed when these scripts run, and only the oldest supported Node may be there. */
describe('the bootstrap', () => {
  it.each(scripts)('%s imports nothing that would have to be installed', (name) => {
    const source = readFileSync(folder + name, 'utf8');
    const imported = [...source.matchAll(/(?<!-)\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
      ([, target]) => target,
    );
    expect(imported.length).toBeGreaterThan(0);
    for (const target of imported) expect(target).toMatch(/^(node:[\w/]+|\.\/[\w-]+\.mjs)$/);
  });

  it.each(['18.20.4', '20.18.3'])('says in a sentence that Node %s is too old', (version) => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`;
    const { status, stderr } = runNode([
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      `${folder}start.mjs`,
    ]);
    expect(status).toBe(1);
    expect(stderr.trim()).toBe(
      `tollgate: Node ${version} is too old: install Node 20.19 or newer (https://nodejs.org) and try again.`,
    );
  });

  it('is behind `npx tollgate`, which then runs on the Node that it brings', () => {
    const { bin } = JSON.parse(readFileSync(`${folder}../package.json`, 'utf8')) as {
      bin: { tollgate: string };
    };
    expect(bin.tollgate).toBe('./scripts/start.mjs');
    expect(readFileSync(`${folder}start.mjs`, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('says what to do when a program is missing and may not be installed', () => {
    const code = `import { findOrInstall } from ${JSON.stringify(`file://${folder}find-or-install.mjs`)}; findOrInstall('redis');`;
    const { status, stderr } = runNode(['--input-type=module', '-e', code], { PATH: '/nowhere' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('put redis-server or valkey-server on PATH and run this again');
  });
});
