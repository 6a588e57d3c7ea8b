import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { giveWay } from '#libs/database';
import type { FromReader, ReaderParts, ToReader } from './messages.js';

const READER = fileURLToPath(new URL('./reader.js', import.meta.url));
/** One report that needs more ends the reader; the calls beside it go on. */
const MOST_MB = 256;
const END_MS = 2_000;
/** Of what it says before it dies, which is about memory as a rule. */
const LAST_WORDS = 2_000;
/** What a database client reads of the environment. Nothing else of it is the reader's business, secrets least of all. */
const READABLE = /^(PG|SSL_CERT_|NODE_EXTRA_CA_CERTS$|TZ$|LANG$|LC_|PATH$)/;

/** How a reader went, asked to (`code` 0) or not. */
export interface ReaderEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly said: string;
}

interface ReaderListener {
  heard(message: FromReader): void;
  ended(how: ReaderEnd): void;
}

/** A process that reads lists and reports, and comes after every other (see `giveWay`). It ends with the process that started it. */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor({ databaseUrl, environment, ...parts }: ReaderParts, listener: ReaderListener) {
    const child = fork(READER, {
      env: Object.fromEntries(Object.entries(environment).filter(([name]) => READABLE.test(name))),
      execArgv: [`--max-old-space-size=${MOST_MB}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#giveWay();
    let said = '';
    let folder: string | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-LAST_WORDS)));
    child.on('message', (message: FromReader) => {
      // By now it has the threads of its engine, which have priorities of their own.
      if (message.kind === 'ready') {
        this.#giveWay();
        folder = dirname(message.path);
      }
      listener.heard(message);
    });
    this.#ended = new Promise((resolve) => {
      const ended = (code: number | null, signal: string | null): void => {
        // It could not tidy up when it was killed.
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
        listener.ended({ code, signal, said });
        resolve();
      };
      child.once('exit', ended);
      child.once('error', (error) => {
        said += error.message;
        if (child.pid === undefined) ended(null, null);
      });
    });
    this.tell({ kind: 'start', parts: { ...parts, databaseUrl: databaseUrl.reveal() } });
  }

  /** Whoever waits for an answer hears of a reader that is gone from its end. */
  tell(message: ToReader): void {
    this.#child.send(message, () => undefined);
  }

  /** Its connections are closed in order, so that the server says nothing of clients that vanished. */
  async end(): Promise<void> {
    this.tell({ kind: 'end' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #giveWay(): void {
    if (this.#child.pid !== undefined) giveWay(this.#child.pid);
  }
}
