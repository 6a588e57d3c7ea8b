// Finds a program on this machine, or installs it with the system's package manager when that is allowed. Used by tests and benchmarks.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program -> package names by manager. A program that several packages bring lists its alternatives in `programs`. */
const PROGRAMS = {
  redis: {
    programs: ['redis-server', 'valkey-server'],
    packages: { 'apt-get': 'redis-server', dnf: 'valkey', apk: 'redis', brew: 'redis' },
  },
  nginx: {
    programs: ['nginx'],
    packages: { 'apt-get': 'nginx-light', dnf: 'nginx', apk: 'nginx', brew: 'nginx' },
  },
  chromium: {
    programs: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    packages: { 'apt-get': 'chromium', dnf: 'chromium', apk: 'chromium', brew: 'chromium' },
  },
  wrk: { programs: ['wrk'], packages: { 'apt-get': 'wrk', dnf: 'wrk', apk: 'wrk', brew: 'wrk' } },
};

const MANAGERS = [
  {
    name: 'apt-get',
    needsRoot: true,
    before: ['apt-get', 'update', '-q'],
    install: ['apt-get', 'install', '-y', '-q', '--no-install-recommends'],
  },
  { name: 'dnf', needsRoot: true, install: ['dnf', 'install', '-y', '-q'] },
  { name: 'apk', needsRoot: true, install: ['apk', 'add', '--no-progress'] },
  { name: 'brew', needsRoot: false, install: ['brew', 'install', '-q'] },
];

/** System programs (nginx) live in sbin, which a plain user's PATH often lacks. */
function findProgram(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes(error.code)) throw error;
    }
  }
  return undefined;
}

/**
 * The absolute path of `redis`, `nginx`, `chromium` or `wrk`. Installs it when it is missing and we are root (or use Homebrew); several
 * minutes at most. Throws an Error whose message tells a person what to type.
 */
export function findOrInstall(name) {
  const wanted = PROGRAMS[name];
  if (!wanted) throw new Error(`unknown program "${name}"`);
  const find = () => wanted.programs.map(findProgram).find((path) => path !== undefined);
  const found = find();
  if (found) return found;
  const manager = MANAGERS.find((candidate) => findProgram(candidate.name));
  const advice = manager
    ? `install it (${[...manager.install, wanted.packages[manager.name]].join(' ')}) and run this again`
    : `put ${wanted.programs.join(' or ')} on PATH and run this again`;
  if (!manager || (manager.needsRoot && process.getuid?.() !== 0)) {
    throw new Error(
      `${wanted.programs.join(' or ')} is not here and cannot be installed without your help: ${advice}`,
    );
  }
  process.stderr.write(`tollgate: installing ${wanted.packages[manager.name]} with ${manager.name} ...\n`);
  // A package must not start a service of its own: policy-rc.d is Debian's way to say so, and RUNLEVEL=1 its short form.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env, timeout: 300_000 };
  if (manager.before) spawnSync(manager.before[0], manager.before.slice(1), options);
  const [command, ...args] = [...manager.install, wanted.packages[manager.name]];
  spawnSync(command, args, options);
  const installed = find();
  if (!installed)
    throw new Error(`${manager.name} could not install ${wanted.packages[manager.name]}: ${advice}`);
  return installed;
}
