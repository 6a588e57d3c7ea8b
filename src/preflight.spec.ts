import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertDataDirUsable, assertPortFree } from './preflight.js';

describe('what is checked before any store is started', () => {
  it('names the port that another program has', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(assertPortFree('127.0.0.1', port)).rejects.toThrow(
      new RegExp(`--port: ${port} on 127.0.0.1 is in use`),
    );
    await new Promise((resolve) => other.close(resolve));
    await expect(assertPortFree('127.0.0.1', port)).resolves.toBeUndefined();
  });

  it('refuses an address that is not ours', async () => {
    await expect(assertPortFree('192.0.2.1', 0)).rejects.toThrow(
      /--host: 192\.0\.2\.1 is not an address of this machine/,
    );
  });

  it('refuses a data directory with a file in its way', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-preflight-'));
    writeFileSync(join(folder, 'file'), '');
    expect(() => assertDataDirUsable(join(folder, 'file'))).toThrow(
      /--data-dir: .*there is a file in its way/,
    );
    expect(() => assertDataDirUsable(join(folder, 'file', 'below'))).toThrow(/there is a file in its way/);
    expect(() => assertDataDirUsable(join(folder, 'new', 'one'))).not.toThrow();
    rmSync(folder, { recursive: true });
  });

  /** Node's recursive `mkdir` never comes back from there. */
  it('refuses a data directory where nobody can make one', () => {
    expect(() => assertDataDirUsable('/proc/tollgate/data')).toThrow(/--data-dir: .*it cannot be/);
  });
});
