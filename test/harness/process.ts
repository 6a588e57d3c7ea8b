import { type ChildProcess, spawn } from 'node:child_process';

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) if (child.pid !== undefined) child.kill('SIGKILL');
});

/** A child process that never outlives the tests: ended by its own id, at the latest when this process exits. */
export class OwnedProcess {
  readonly #child: ChildProcess;
  readonly #output: string[] = [];
  readonly #exited: Promise<void>;
  #wasSignalled = false;

  constructor(command: string, args: readonly string[], options: StartOptions = {}) {
    this.#child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output.push(text));
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#output.push(`cannot run ${command}: ${error.message}\n`);
        running.delete(this.#child);
        resolve();
      });
      this.#child.once('close', () => {
        running.delete(this.#child);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get hasExited(): boolean {
    return !running.has(this.#child) || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** It ended, and nobody here had asked it to. */
  get endedByItself(): boolean {
    return this.hasExited && !this.#wasSignalled;
  }

  /** Null while it runs, and when a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Everything it printed so far, on both streams. */
  get output(): string {
    return this.#output.join('');
  }

  /** Asks it to end and waits; after `limitMs` it is killed, and that is an error, because a clean stop was promised. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', limitMs = 20_000): Promise<void> {
    this.#send(signal);
    await this.#exitWithin(limitMs, `ignored ${signal} for ${limitMs} ms`);
  }

  /** Waits until it ends by itself; killed after `limitMs`, and that is an error. */
  async ended(limitMs: number): Promise<void> {
    await this.#exitWithin(limitMs, `did not end within ${limitMs} ms`);
  }

  /** The hard crash: no handler of its own runs. */
  async kill(): Promise<void> {
    this.#send('SIGKILL');
    await this.#exited;
  }

  /** Stands still as a machine does that is frozen: its connections stay, and it notices nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** A program that could not be run has id 0 until its error is told: a signal to 0 would end the whole group, the test runner with it. */
  #send(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || this.hasExited) return;
    this.#wasSignalled = true;
    this.#child.kill(signal);
  }

  async #exitWithin(limitMs: number, complaint: string): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#send('SIGKILL');
    }, limitMs);
    await this.#exited;
    clearTimeout(timer);
    if (late) throw new Error(`process ${this.pid} ${complaint}\n${this.output.slice(-4_000)}`);
  }
}
