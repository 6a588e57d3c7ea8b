#!/usr/bin/env node
import { runCommand } from './commands/index.js';
import { findNodeProblem } from './version.js';

// A reader that has seen enough (`| head`) is no failure, and ends no gateway.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const problem = findNodeProblem();
if (problem !== undefined) {
  process.stderr.write(`tollgate: ${problem}\n`);
  process.exitCode = 1;
} else process.exitCode = await runCommand(process.argv.slice(2));
// A start that failed half-way may leave connections that try again for ever: they must not keep a process that does nothing.
if (process.exitCode !== 0) setTimeout(() => process.exit(), 1_000).unref();
