// Streams one after the other on one connection; the time from the request to the first byte of the answer's body.
import { readFileSync } from 'node:fs';
import { RawClient, percentile, requestBytes } from './raw-client.mjs';

const { port, streams, bodyFile, keysFile } = JSON.parse(process.argv[2]);
const body = readFileSync(bodyFile, 'utf8');
const keys = readFileSync(keysFile, 'utf8').trim().split('\n');
const times = [];
const client = new RawClient(port);

for (let at = 0; at < streams; at += 1) {
  const bytes = requestBytes(port, keys[at % keys.length], body);
  const started = performance.now();
  const status = await new Promise((resolve) => {
    client.send(bytes, resolve, () => times.push(performance.now() - started));
  });
  if (status !== 200) throw new Error(`a stream ended with ${status}`);
}
client.close();
times.sort((a, b) => a - b);
const result = { streams, firstByteP50Ms: percentile(times, 0.5), firstByteP99Ms: percentile(times, 0.99) };
process.stdout.write(JSON.stringify(result));
