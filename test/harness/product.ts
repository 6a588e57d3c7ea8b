import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.js';
import { OwnedProcess } from './process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist', 'src', 'main.js');
const node = join(root, 'node_modules', 'node', 'bin', 'node');

export const MASTER_KEY = 'sk-master-of-the-test-harness-0123456789';

export interface ProductOptions {
  /** proxy_config.yaml, as text or as the tree it stands for. Absent: the built-in configuration. */
  readonly config?: string | object;
  /** Absent: the embedded PostgreSQL, in the data directory. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files beside the configuration, in the folder it is started in: `.env`, what is included. Readable by their owner only. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** `null`: none is given, the product makes its own. Default: `MASTER_KEY`. */
  readonly masterKey?: string | null;
  readonly readyWithinMs?: number;
}

/**
 * The built product as a child process, with its own port and data directory, which survive `kill` and `restart` and go with
 * `dispose`. Nothing of this process's environment reaches it but PATH and HOME, so a developer's settings cannot colour a test.
 */
export class Product {
  readonly folder = mkdtempSync(join(tmpdir(), 'tollgate-product-'));
  readonly dataDir = join(this.folder, 'data');
  #port = 0;
  #process: OwnedProcess | undefined;
  #earlierOutput = '';
  #mayEnd = false;

  private constructor(private readonly options: ProductOptions) {
    // As root, the embedded PostgreSQL runs as another user, who must be able to walk to its data.
    chmodSync(this.folder, 0o755);
  }

  /** Starts it and waits until it is ready; the error carries the end of its log. */
  static async start(options: ProductOptions = {}): Promise<Product> {
    if (!existsSync(main))
      throw new Error('the product is not built: run "npm test", or "npm run build" once');
    const product = new Product(options);
    try {
      await product.#start();
    } catch (error) {
      await product.dispose();
      throw error;
    }
    return product;
  }

  get port(): number {
    return this.#port;
  }

  /** Without `/v1` and without a trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The key it was given, or the one it made for itself and keeps in its data directory. */
  get masterKey(): string {
    if (this.options.masterKey !== null) return this.options.masterKey ?? MASTER_KEY;
    return readFileSync(join(this.dataDir, 'master-key'), 'utf8').trim();
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  /** Everything every run of it printed, and its LOG_FILE if the test set one. */
  get logs(): string {
    const file = this.options.env?.LOG_FILE;
    const written = file && existsSync(file) ? readFileSync(file, 'utf8') : '';
    return this.#earlierOutput + (this.#process?.output ?? '') + written;
  }

  /** A clean stop: drains, then ends with exit code 0. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    await child?.stop(signal, 40_000);
    return child?.exitCode ?? null;
  }

  /** Waits for it to end by itself. */
  async exit(limitMs: number): Promise<number | null> {
    this.#mayEnd = true;
    const deadline = Date.now() + limitMs;
    while (!this.#process?.hasExited && Date.now() < deadline) await delay(20);
    return this.#process?.hasExited ? this.#process.exitCode : null;
  }

  /** kill -9: what it wrote to the kernel is all that is left. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Stands still until `thaw`. */
  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  /** Starts again after `stop` or `kill`, on the same port and data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#start();
  }

  /** Ends it and everything it left running, and deletes its data. @throws when it had ended before anybody asked it to */
  async dispose(): Promise<void> {
    const hadCrashed = !this.#mayEnd && (this.#process?.endedByItself ?? false);
    await this.#process?.stop('SIGTERM', 20_000).catch(() => this.#process?.kill());
    for (const pid of embeddedServers(this.folder)) await endById(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    if (!hadCrashed) return;
    const fatal = this.logs.split('\n').filter((line) => line.includes(' FATAL '));
    throw new Error(
      `the product ended by itself: ${fatal.join('\n')}\nits last words:\n${this.logs.slice(-6_000)}`,
    );
  }

  /** A JSON request with a bearer (the master key unless told; `null`: none). */
  async request(
    method: string,
    path: string,
    body?: unknown,
    bearer: string | null = this.masterKey,
  ): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** Makes a virtual key and returns its secret. */
  async makeKey(fields: object = {}): Promise<string> {
    const response = await this.request('POST', '/key/generate', fields);
    const text = await response.text();
    if (!response.ok) throw new Error(`POST /key/generate answered ${response.status}: ${text}`);
    return (JSON.parse(text) as { key: string }).key;
  }

  async #start(): Promise<void> {
    this.#earlierOutput += this.#process?.output ?? '';
    this.#mayEnd = false;
    for (const pid of embeddedServers(this.folder)) await endById(pid);
    this.#port ||= await freePort();
    this.#process = new OwnedProcess(
      existsSync(node) ? node : process.execPath,
      [main, ...this.#arguments()],
      {
        cwd: this.folder,
        env: this.#environment(),
      },
    );
    const deadline = Date.now() + (this.options.readyWithinMs ?? 60_000);
    for (;;) {
      const unready = await this.#findUnreadiness();
      if (unready === undefined) return;
      const problem = this.#process.hasExited
        ? 'ended'
        : Date.now() > deadline
          ? 'is not ready in time'
          : undefined;
      if (problem)
        throw new Error(`the product ${problem} (${unready}); its last words:\n${this.logs.slice(-6_000)}`);
      await delay(25);
    }
  }

  #arguments(): string[] {
    for (const [name, text] of Object.entries(this.options.files ?? {})) {
      writeFileSync(join(this.folder, name), text, { mode: 0o600 });
    }
    const args = ['--port', String(this.#port), '--host', '127.0.0.1', '--data-dir', this.dataDir];
    const { config } = this.options;
    if (config !== undefined) {
      const file = join(this.folder, 'config.yaml');
      // JSON is YAML too.
      writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
      args.push('--config', file);
    }
    return [...args, ...(this.options.args ?? [])];
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...(this.options.masterKey === null ? {} : { LITELLM_MASTER_KEY: this.masterKey }),
      ...(this.options.databaseUrl === undefined ? {} : { DATABASE_URL: this.options.databaseUrl }),
      ...this.options.env,
    };
  }

  /** Undefined when it is ready, else what its readiness says. */
  async #findUnreadiness(): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.url}/health/readiness`, { signal: AbortSignal.timeout(2_000) });
      const text = await response.text();
      return response.status === 200 ? undefined : `readiness answers ${response.status} ${text}`;
    } catch (error) {
      return `readiness cannot be asked: ${String(error)}`;
    }
  }
}

/** Process ids of PostgreSQL servers whose data lies in this folder: a killed product leaves its own behind. */
function embeddedServers(folder: string): number[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('postmaster.pid'))
    .map((path) => Number(readFileSync(join(folder, path), 'utf8').split('\n')[0]))
    .filter((pid) => Number.isInteger(pid) && pid > 1 && isAlive(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: gone
  }
}

/** PostgreSQL's immediate shutdown; killed when even that takes too long. */
async function endById(pid: number): Promise<void> {
  if (isAlive(pid)) process.kill(pid, 'SIGQUIT');
  for (let waitedMs = 0; isAlive(pid) && waitedMs < 5_000; waitedMs += 50) await delay(50);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}
