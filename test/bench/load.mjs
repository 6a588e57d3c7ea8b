// Load: wrk for throughput and latency, a small raw-socket client for fixed rates and for the first byte of a stream.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOrInstall } from '../../scripts/find-or-install.mjs';
import { start } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
/** A minute: what has not met its callers by then is measured meeting them. */
const MOST_WARM_UPS = 10;

/** One run of wrk: `{ rps, p50Ms, p90Ms, p99Ms, requests, refused, broken }`. */
export async function wrk(
  target,
  { connections, seconds, keysFile, bodyFile, path = '/v1/chat/completions' },
) {
  const args = [
    `-t1`,
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '-s',
    join(here, 'wrk', 'rotate.lua'),
  ];
  const own = target.headers ?? [];
  const child = start('others', findOrInstall('wrk'), [
    ...args,
    target.url + path,
    '--',
    keysFile,
    bodyFile,
    ...own,
  ]);
  const output = await child.ended((seconds + 30) * 1_000);
  const line = /^RESULT (.+)$/m.exec(output)?.[1];
  if (!line) throw new Error(`wrk said: ${output.slice(-500)}`);
  const result = JSON.parse(line);
  return { ...result, rps: result.requests / result.seconds };
}

/**
 * Lets each target see every key once and its hot code often, so that compiled principals and compiled code are measured and
 * not their making.
 */
export async function warmUp(targets, inputs, streams) {
  for (const target of targets) {
    const common = { connections: 32, keysFile: inputs.keys, bodyFile: inputs['1k'], seconds: 6 };
    const keys = readFileSync(inputs.keys, 'utf8').split('\n').length;
    if (streams)
      await wrk(target, { ...common, keysFile: inputs['few-keys'], bodyFile: inputs.stream, seconds: 3 });
    else {
      // Each run begins with the first key again, so one that got round has met them all.
      for (let run = 0; run < MOST_WARM_UPS; run += 1)
        if ((await wrk(target, { ...common, connections: 128 })).requests >= keys) break;
      await wrk(target, { ...common, keysFile: inputs['few-keys'], bodyFile: inputs['100k'], seconds: 2 });
    }
  }
}

/** Requests at a fixed rate from a process of its own: `{ sent, p50Ms, p99Ms, statuses }`. */
export async function fixedRate(target, options, where = 'others') {
  const child = start(where, process.execPath, [
    join(here, 'fixed-rate.mjs'),
    JSON.stringify({ port: Number(new URL(target.url).port), ...options }),
  ]);
  return JSON.parse(await child.ended((options.seconds + 30) * 1_000));
}

/** Streams one after the other: `{ streams, firstByteP50Ms, firstByteP99Ms }`. */
export async function firstBytes(target, options) {
  const child = start('others', process.execPath, [
    join(here, 'first-byte.mjs'),
    JSON.stringify({ port: Number(new URL(target.url).port), ...options }),
  ]);
  return JSON.parse(await child.ended(120_000));
}

/** Bodies and key lists, written once into the work folder. */
export function writeInputs(folder, keys) {
  const body = (bytes, more) => {
    const shape = { model: 'bench', ...more, max_tokens: 256, messages: [{ role: 'user', content: '' }] };
    const filler = 'lorem ipsum dolor sit amet '.repeat(Math.ceil(bytes / 27));
    shape.messages[0].content = filler.slice(0, bytes - JSON.stringify(shape).length);
    return JSON.stringify(shape);
  };
  const files = {
    keys: keys.join('\n') + '\n',
    'few-keys': keys.slice(0, 64).join('\n') + '\n',
    '1k': body(1_024, {}),
    '100k': body(102_400, {}),
    stream: body(1_024, { stream: true, stream_options: { include_usage: true } }),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => {
      const file = join(folder, `${name}.input`);
      writeFileSync(file, content);
      return [name, file];
    }),
  );
}
