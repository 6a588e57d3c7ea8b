// Runs on the host's Node (>= 20.19) before anything is installed: only node: imports here.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const MAIN = join(ROOT, 'dist', 'src', 'main.js');
const BUNDLED = join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const PRODUCT_MAJOR = 24;

export const say = (line) => process.stderr.write(`tollgate: ${line}\n`);

/** Ends the process with a sentence when this Node cannot even run the bootstrap. */
export function assertHostNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  say(
    `Node ${process.versions.node} is too old: install Node 20.19 or newer (https://nodejs.org) and try again.`,
  );
  process.exit(1);
}

/** The Node that runs the product: the bundled one, or the host's when that is new enough. Undefined: neither. */
export function findProductNode() {
  if (existsSync(BUNDLED)) return BUNDLED;
  return Number(process.versions.node.split('.')[0]) >= PRODUCT_MAJOR ? process.execPath : undefined;
}

/**
 * Runs a program to its end; resolves to its exit code (128 + signal number would be a shell's affair: a signal is 1).
 * With `limitMs` the whole process group is ended by its id when the time is over. `output` collects instead of printing.
 */
export function run(command, args, { env, cwd = ROOT, limitMs, output } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: output ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
      detached: limitMs !== undefined && process.platform !== 'win32',
    });
    const end = (signal) => {
      try {
        process.kill(limitMs === undefined ? child.pid : -child.pid, signal);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    };
    // A detached child does not hear the terminal's Ctrl-C, so it is told.
    const forward = (signal) => {
      end(signal);
      setTimeout(() => process.exit(130), 10_000).unref();
    };
    if (limitMs !== undefined) for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, forward);
    const timer =
      limitMs &&
      setTimeout(() => {
        say(`"${command}" did not end within ${Math.round(limitMs / 1000)} s and is ended`);
        end('SIGTERM');
        setTimeout(() => end('SIGKILL'), 5_000).unref();
      }, limitMs);
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    const done = (code) => {
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, forward);
      resolve(code);
    };
    child.on('error', (error) => {
      say(`cannot run "${command}": ${error.message}`);
      done(127);
    });
    child.on('close', (code) => done(code ?? 1));
  });
}

/** npm as the one that started us, else the one on PATH. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  const env = { SCARF_ANALYTICS: 'false', ...options?.env };
  if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], { ...options, env });
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { ...options, env });
}

/**
 * How the product's Node is started. A young generation of 16 MB instead of one sized by the machine's memory: requests are
 * short-lived, and a larger one only makes the process larger. The image's ENTRYPOINT says the same.
 */
export const NODE_FLAGS = ['--max-semi-space-size=16'];

/**
 * Becomes the given program: replaces this process where Node can, else spawns it, passes signals on and keeps its exit
 * code. Never returns.
 */
export async function becomeNode(node, args, env = {}) {
  const fullEnv = { ...process.env, ...env };
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.emitWarning = () => undefined; // "execve is experimental" is nothing a user could act on
    process.execve(node, [node, ...args], fullEnv);
  }
  const child = spawn(node, args, { stdio: 'inherit', env: fullEnv });
  const code = await new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
      process.on(signal, () => {
        // A terminal already sends Ctrl-C to the whole group; a second one would cut the drain short.
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      });
    }
    child.on('error', (error) => {
      say(`cannot start ${node}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (exitCode, signal) => {
      if (signal === null) return resolve(exitCode);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      return undefined;
    });
  });
  process.exit(code);
}
