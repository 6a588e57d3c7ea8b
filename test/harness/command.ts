import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnedProcess } from './process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist', 'src', 'main.js');
const bundledNode = join(root, 'node_modules', 'node', 'bin', 'node');
const node = existsSync(bundledNode) ? bundledNode : process.execPath;

export interface CommandRun {
  readonly exitCode: number | null;
  /** Both streams, as they came. */
  readonly output: string;
}

/** One command of the built product, to its end. Like `Product`, it sees nothing of the developer's environment. */
export async function runTollgate(
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>>; withinMs?: number } = {},
): Promise<CommandRun> {
  const { cwd, env, withinMs = 30_000 } = options;
  const child = new OwnedProcess(node, [main, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  await child.ended(withinMs);
  return { exitCode: child.exitCode, output: child.output };
}
