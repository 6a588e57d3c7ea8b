#!/usr/bin/env node
import { runCommand } from './commands/index.js';

/** The Node that the product is built and tested on; an older one lacks modules it imports. */
const NODE_MAJOR = 24;

// A reader that has seen enough (`| head`) is no failure, and ends no gateway.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) {
  process.stderr.write(
    `tollgate: Node ${process.versions.node} is too old for this: npx tollgate and npm start bring their own, or use Node ${NODE_MAJOR}.\n`,
  );
  process.exitCode = 1;
} else process.exitCode = await runCommand(process.argv.slice(2));
// A start that failed half-way may leave connections that try again for ever: they must not keep a process that does nothing.
if (process.exitCode !== 0) setTimeout(() => process.exit(), 1_000).unref();
