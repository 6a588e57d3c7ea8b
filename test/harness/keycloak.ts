import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.js';
import { OwnedProcess } from './process.js';

const VERSION = '26.4.7';
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
const SHA256 = 'dd9834c023460be856f731423d86228c23b5d002194a2064642bec0cc6573eaa';
const ADMIN = 'harness';
const ADMIN_PASSWORD = 'only-for-the-tests';
/** One small realm; no optimising compiler, because it lives for a minute. */
const JAVA_OPTS = '-Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1';
const READY_MS = 150_000;

/** What Keycloak answers, read freely. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into answers freely
type Json = any;

export interface TokenAnswer {
  readonly access_token: string;
  readonly id_token?: string;
  readonly refresh_token?: string;
}

/** Why Keycloak cannot be tried on this machine; undefined when it can. Fetches it, once, into a cache outside the tree. */
export async function whyNoKeycloak(): Promise<string | undefined> {
  for (const [program, args] of [
    ['java', ['-version']],
    ['mvn', ['-v']],
    ['unzip', ['-v']],
  ] as const) {
    const probe = new OwnedProcess(program, args);
    await probe.ended(30_000);
    if (probe.exitCode !== 0) return `${program} is not on this machine`;
  }
  try {
    await distribution();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** A real Keycloak in memory, with one realm that its own administration interface set up. */
export class Keycloak {
  readonly #home: string;
  #process: OwnedProcess | undefined;
  #adminToken = '';

  private constructor(
    home: string,
    private readonly port: number,
  ) {
    this.#home = home;
  }

  static async start(realm: object): Promise<Keycloak> {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-keycloak-'));
    await run('unzip', ['-q', await distribution(), '-d', folder]);
    const keycloak = new Keycloak(folder, await freePort());
    try {
      await keycloak.#boot();
      await keycloak.admin('POST', '', realm);
    } catch (thrown) {
      await keycloak.stop();
      throw thrown;
    }
    return keycloak;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  issuer(realm: string): string {
    return `${this.url}/realms/${realm}`;
  }

  /** A call of the administration interface, below `/admin/realms`. Throws for anything but 2xx. */
  async admin(method: string, path: string, body?: object): Promise<Json> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${this.url}/admin/realms${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#adminToken}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.ok) return text === '' ? undefined : JSON.parse(text);
      if (response.status !== 401 || attempt > 1)
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
      // Its tokens live for a minute.
      const { access_token: token } = await this.token('master', {
        client_id: 'admin-cli',
        grant_type: 'password',
        username: ADMIN,
        password: ADMIN_PASSWORD,
      });
      this.#adminToken = token;
    }
  }

  /** The token endpoint's answer to a form. Throws for a refusal. */
  async token(realm: string, form: Record<string, string>): Promise<TokenAnswer> {
    const response = await fetch(`${this.issuer(realm)}/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);
    return (await response.json()) as TokenAnswer;
  }

  /** A new signing key takes over; with `dropOthers` what was signed before is good no more. */
  async rotate(realm: string): Promise<void> {
    const { id } = await this.admin('GET', `/${realm}`);
    const provider = 'org.keycloak.keys.KeyProvider';
    const before = (await this.admin('GET', `/${realm}/components?type=${provider}`)) as Json[];
    await this.admin('POST', `/${realm}/components`, {
      name: 'rotated',
      parentId: id,
      providerId: 'rsa-generated',
      providerType: provider,
      config: { priority: ['200'], enabled: ['true'], active: ['true'], algorithm: ['RS256'] },
    });
    for (const one of before.filter(({ providerId }) => providerId === 'rsa-generated'))
      await this.admin('DELETE', `/${realm}/components/${one.id}`);
  }

  async stop(): Promise<void> {
    await this.#process?.kill();
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #boot(): Promise<void> {
    const server = new OwnedProcess(
      'bash',
      [
        join(this.#home, `keycloak-${VERSION}`, 'bin', 'kc.sh'),
        'start-dev',
        '--http-host=127.0.0.1',
        `--http-port=${this.port}`,
        `--http-management-port=${await freePort()}`,
        '--db=dev-mem',
        '--cache=local',
      ],
      {
        env: {
          PATH: process.env.PATH,
          HOME: homedir(),
          ...(process.env.JAVA_HOME === undefined ? {} : { JAVA_HOME: process.env.JAVA_HOME }),
          JAVA_OPTS,
          KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN,
          KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN_PASSWORD,
        },
      },
    );
    this.#process = server;
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const isReady = await fetch(this.issuer('master')).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      if (server.hasExited || Date.now() > deadline)
        throw new Error(`Keycloak did not start:\n${server.output.slice(-4_000)}`);
      await delay(250);
    }
  }
}

/** The path of the distribution, fetched with Maven's own settings when it is not there yet, and checked each time. */
async function distribution(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tollgate-tests');
  const file = join(cache, `keycloak-quarkus-dist-${VERSION}.zip`);
  if (existsSync(file) && (await sha256(file)) === SHA256) return file;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'fetch-'));
  try {
    await run('mvn', [
      '-B',
      '-q',
      'dependency:copy',
      `-Dartifact=${ARTIFACT}`,
      `-DoutputDirectory=${folder}`,
      '-Dmdep.useBaseVersion=true',
    ]);
    const fetched = join(folder, `keycloak-quarkus-dist-${VERSION}.zip`);
    if ((await sha256(fetched)) !== SHA256)
      throw new Error('the distribution is not the one that is expected');
    renameSync(fetched, file);
    return file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = new OwnedProcess(program, args);
  await child.ended(300_000);
  if (child.exitCode !== 0) throw new Error(`${program} ${args[0]} failed: ${child.output.slice(-2_000)}`);
}

async function sha256(file: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(file)) digest.update(chunk as Buffer);
  return digest.digest('hex');
}
