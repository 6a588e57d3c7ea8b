#!/usr/bin/env node
import { runCommand } from './commands/index.js';

process.exitCode = await runCommand(process.argv.slice(2));
// A start that failed half-way may leave connections that try again for ever: they must not keep a process that does nothing.
if (process.exitCode !== 0) setTimeout(() => process.exit(), 1_000).unref();
