// The smallest passthrough that Node can be: node:http in, an undici pool out, bytes both ways. The yardstick of the benchmarks.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(upstream, { connections: 128, pipelining: 1 });

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    const headers = { 'content-type': 'application/json', authorization: 'Bearer sk-upstream' };
    pool.dispatch(
      { method: 'POST', path: request.url, headers, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, upstreamHeaders) {
          const out = { 'content-type': upstreamHeaders['content-type'] };
          if (upstreamHeaders['content-length']) out['content-length'] = upstreamHeaders['content-length'];
          response.writeHead(status, out);
        },
        onResponseData(controller, chunk) {
          if (response.write(chunk)) return;
          controller.pause();
          response.once('drain', () => controller.resume());
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError(_controller, error) {
          response.destroy(error);
        },
      },
    );
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
