import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrInstall } from '../../scripts/find-or-install.mjs';
import { freePort, waitForPort } from './ports.js';
import { OwnedProcess } from './process.js';

export interface NginxServer {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts nginx with one site file as a user would write it: its `listen` lines are moved to a free port, its
 * `localhost:4000` or `127.0.0.1:4000` to the given upstream. Everything else of the file is kept as it is, but that it
 * speaks plain HTTP unless `tls` is asked for.
 */
export async function startNginx(
  siteFile: string,
  upstreamPort: number,
  { tls = false } = {},
): Promise<NginxServer> {
  const program = findOrInstall('nginx');
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-nginx-'));
  const port = await freePort();
  const site = siteFile
    .replace(/listen\s+[^;]+;/g, `listen 127.0.0.1:${port}${tls ? ' ssl' : ''};`)
    .replace(/(localhost|127\.0\.0\.1):4000/g, `127.0.0.1:${upstreamPort}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 256; }
     http { access_log off; ${temporary}
     ${site}
     }`,
  );
  const server = new OwnedProcess(program, ['-p', folder, '-c', join(folder, 'nginx.conf')]);
  await waitForPort(port, 10_000, () => (server.hasExited ? `nginx ended:\n${server.output}` : undefined));
  return {
    port,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    async stop() {
      await server.stop('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
