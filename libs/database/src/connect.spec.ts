import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { Secret } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../test/harness/certificates.js';
import { directClient, resolveConnection } from './connect.js';

const WELCOME = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);
const own = makeCertificate('localhost');
const elsewhere = makeCertificate('db.elsewhere.example');

/** Speaks just enough of the protocol to say whether a connection came to be, and whether it was encrypted. */
class FakeServer {
  readonly port: number;
  lastWasEncrypted: boolean | undefined;

  private constructor(
    private readonly server: Server,
    tls: { cert: string; key: string } | undefined,
  ) {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.port = address.port;
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (first) => {
        const asksForTls = first.readUInt32BE(4) === 80_877_103;
        if (!asksForTls) return this.welcome(socket, false);
        socket.write(tls ? 'S' : 'N');
        if (!tls) return void socket.once('data', () => this.welcome(socket, false));
        const encrypted = new TLSSocket(socket, { isServer: true, ...tls });
        encrypted.on('error', () => encrypted.destroy());
        encrypted.once('data', () => this.welcome(encrypted, true));
      });
    });
  }

  static async start(tls?: { cert: string; key: string }): Promise<FakeServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeServer(server, tls);
  }

  stop(): void {
    this.server.close();
  }

  private welcome(socket: Socket, encrypted: boolean): void {
    this.lastWasEncrypted = encrypted;
    socket.write(WELCOME);
  }
}

let plain: FakeServer;
let trusted: FakeServer;
let misnamed: FakeServer;
let folder: string;
beforeAll(async () => {
  [plain, trusted, misnamed] = await Promise.all([
    FakeServer.start(),
    FakeServer.start(own),
    FakeServer.start(elsewhere),
  ]);
  folder = mkdtempSync(join(tmpdir(), 'tollgate-tls-'));
  writeFileSync(join(folder, 'own.pem'), own.authority);
  writeFileSync(join(folder, 'elsewhere.pem'), elsewhere.authority);
});
afterAll(() => {
  for (const server of [plain, trusted, misnamed]) server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How a connection came about: `tls`, `plain`, or `refused` by us. */
async function outcome(server: FakeServer, query: string, host = 'localhost'): Promise<string> {
  server.lastWasEncrypted = undefined;
  try {
    const url = new Secret(`postgres://u:p@${host}:${server.port}/d?connect_timeout=2&${query}`);
    const client = directClient(await resolveConnection(url), 'test', 1_000);
    client.on('error', () => undefined);
    await client.connect();
    void client.end();
  } catch {
    return 'refused';
  }
  return server.lastWasEncrypted ? 'tls' : 'plain';
}

describe("libpq's sslmode", () => {
  it.each([
    ['', 'plain', 'tls'],
    ['sslmode=disable', 'plain', 'plain'],
    ['sslmode=prefer', 'plain', 'tls'],
    // The driver itself takes this one for verify-full, and every managed database's URL carries it.
    ['sslmode=require', 'refused', 'tls'],
    // The authorities this machine trusts did not sign the certificate.
    ['sslmode=verify-full', 'refused', 'refused'],
    ['sslmode=verify-ca', 'refused', 'refused'],
  ])(
    '"%s" without an authority: a server without TLS is %s, one with it %s',
    async (query, without, withTls) => {
      expect([await outcome(plain, query), await outcome(trusted, query)]).toEqual([without, withTls]);
    },
  );

  it.each([
    ['sslmode=require', 'refused', 'tls', 'tls'],
    ['sslmode=verify-ca', 'refused', 'tls', 'tls'],
    ['sslmode=verify-full', 'refused', 'tls', 'refused'],
  ])(
    '%s with an authority: no TLS %s, the right certificate %s, one for another name %s',
    async (mode, without, right, otherName) => {
      expect([
        await outcome(plain, `${mode}&sslrootcert=${folder}/own.pem`),
        await outcome(trusted, `${mode}&sslrootcert=${folder}/own.pem`),
        await outcome(misnamed, `${mode}&sslrootcert=${folder}/elsewhere.pem`),
      ]).toEqual([without, right, otherName]);
    },
  );

  /** An impostor with a certificate of any other authority must be found out by every mode that verifies. */
  it.each(['require', 'verify-ca', 'verify-full'])(
    '%s refuses a certificate of another authority than the given one',
    async (mode) => {
      expect(await outcome(trusted, `sslmode=${mode}&sslrootcert=${folder}/elsewhere.pem`)).toBe('refused');
    },
  );

  /** For an address the runtime would compare the certificate with "localhost", which this one carries. */
  it('verify-full compares with the address when the URL has one', async () => {
    expect(await outcome(trusted, `sslmode=verify-full&sslrootcert=${folder}/own.pem`, '127.0.0.1')).toBe(
      'refused',
    );
  });

  it('says within the timeout that a server does not answer, and not with what password', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const startedAt = performance.now();
    const failing = resolveConnection(
      new Secret(`postgres://u:s3cret@127.0.0.1:${port}/d?connect_timeout=1`),
    );
    await expect(failing).rejects.toThrow(/^PostgreSQL cannot be reached at 127\.0\.0\.1:\d+\.$/);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    silent.close();
  });
});
