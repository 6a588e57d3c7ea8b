// How long each list and report takes, and how many statements it sends.
import { readFileSync, rmSync } from 'node:fs';
import { routesAt } from './routes.mjs';

/** Asks once; the body is read to its end. */
export async function ask(base, secret, path, body) {
  const began = performance.now();
  const response = await fetch(encodeURI(base + path), {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const bytes = (await response.arrayBuffer()).byteLength;
  return { status: response.status, bytes, ms: performance.now() - began };
}

/** As the proxy's administrator everything; as others what they may ask for. `readers`: secrets by name. */
export async function measure(base, { readers, rounds, limitMs, isWanted }) {
  const results = new Map();
  // The first round warms what stays warm in a running product: its connections and the database's cache.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [reader, secret] of readers) {
      for (const [name, path, body] of routesAt(round).filter(isWanted)) {
        const { status, bytes, ms } = await ask(base, secret, path, body);
        const result = results.get(`${reader} ${name}`) ?? {
          reader,
          name,
          path: path.split('?')[0],
          times: [],
          bytes: 0,
          status: 0,
        };
        result.status = Math.max(result.status, status);
        result.bytes = Math.max(result.bytes, bytes);
        if (round > 0) result.times.push(ms);
        results.set(`${reader} ${name}`, result);
      }
    }
  }
  const isRefused = ({ reader, status }) => reader !== 'proxy_admin' && (status === 401 || status === 403);
  return [...results.values()]
    .filter((result) => !isRefused(result))
    .map(({ times, ...result }) => {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share) => Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 10) / 10;
      const p95 = at(0.95);
      return { ...result, p50: at(0.5), p95, missed: result.status !== 200 || p95 > limitMs };
    });
}

/** The statements of each route, by `reader name`; the product writes them into `file`. */
export async function countStatements(base, file, { readers, isWanted }) {
  const counted = new Map();
  for (const [reader, secret] of readers) {
    for (const [name, path, body] of routesAt(0).filter(isWanted)) {
      // The first request may read who asks; that is kept.
      for (let n = 0; n < 2; n += 1) {
        rmSync(file, { force: true });
        await ask(base, secret, path, body);
      }
      counted.set(`${reader} ${name}`, await statementsIn(file));
    }
  }
  return counted;
}

/** The answer may be here before its last line is. */
async function statementsIn(file) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      const last = readFileSync(file, 'utf8').trim().split('\n').at(-1);
      if (last) return JSON.parse(last).statements;
    } catch {
      // Not there, or not whole yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`nothing was written to ${file}`);
}

export function tableOf(results) {
  const head = ['status', 'queries', 'p50 ms', 'p95 ms', 'kB'].map((word) => word.padStart(9)).join('');
  const lines = results.map(({ reader, name, status, queries, p50, p95, bytes, missed }) => {
    const figures = [status, queries ?? '', p50, p95, Math.ceil(bytes / 1024)];
    const columns = figures.map((figure) => String(figure).padStart(9)).join('');
    return `${reader.padEnd(15)}${name.padEnd(26)}${columns}${missed ? '  missed' : ''}`;
  });
  return [`${'reader'.padEnd(15)}${'route'.padEnd(26)}${head}`, ...lines].join('\n');
}
