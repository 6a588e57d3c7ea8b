import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where finished lines go. `write` is synchronous and never throws: logging must not end the process it reports on. */
export abstract class LogSink {
  abstract write(lines: string): void;
}

/** Standard output, and a file when one is asked for. On Linux both are written before `write` returns, so nothing is lost on exit. */
export class ProcessSink extends LogSink {
  #file: number | undefined;
  #lost = false;

  constructor(file?: string) {
    super();
    // Whoever read our lines has gone: a reason to lose lines, not to stop serving.
    process.stdout.on('error', () => undefined);
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    // Lines name people and models: readable by the owner and the group that collects logs.
    this.#file = openSync(file, 'a', 0o640);
  }

  override write(lines: string): void {
    process.stdout.write(lines);
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, lines);
    } catch (error) {
      if (this.#lost) return;
      this.#lost = true;
      process.stderr.write(
        `tollgate: the log file cannot be written (${error instanceof Error ? error.message : 'unknown reason'}); lines go to standard output only\n`,
      );
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Keeps lines in memory, for tests. */
export class MemorySink extends LogSink {
  text = '';
  override write(lines: string): void {
    this.text += lines;
  }
}
