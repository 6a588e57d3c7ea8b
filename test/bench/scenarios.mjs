// The scenarios of the benchmark. Each takes its targets turn about (A B A B), because a machine drifts, and compares medians.
import { readFileSync } from 'node:fs';
import { adminWrites } from './admin-writes.mjs';
import { fixedRate, firstBytes, wrk } from './load.mjs';
import { cpuMs, residentMb, sleep } from './processes.mjs';
import { transactions } from './seed.mjs';

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Runs `measure` for each target in turn, `rounds` times; the median of every number it returns, by target. */
async function turnAbout(targets, rounds, measure) {
  const runs = new Map(targets.map((target) => [target.name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const target of targets) runs.get(target.name).push(await measure(target));
  }
  return Object.fromEntries(
    [...runs].map(([name, results]) => {
      const keys = Object.keys(results[0]);
      return [
        name,
        {
          ...Object.fromEntries(keys.map((key) => [key, median(results.map((each) => each[key]))])),
          runs: results,
        },
      ];
    }),
  );
}

/** A run in which something was refused or broke measured something else. */
function onlyGood(result) {
  if (result.refused + result.broken > 0) {
    throw new Error(`${result.refused} refused and ${result.broken} broken of ${result.requests} requests`);
  }
  return result;
}

const row = (name, unit, bare, governed, verdict, target, isMet) => ({
  name,
  unit,
  bare,
  governed,
  verdict,
  target,
  isMet,
});
const ratioRow = (name, unit, bare, governed, atLeast) =>
  row(
    name,
    unit,
    bare,
    governed,
    `${(governed / bare).toFixed(2)} of bare`,
    `>= ${atLeast}`,
    governed / bare >= atLeast,
  );
const addedRow = (name, bare, governed, atMostMs, target) =>
  row(
    name,
    'ms',
    bare,
    governed,
    `${governed < bare ? '' : '+'}${(governed - bare).toFixed(3)} ms`,
    target,
    governed - bare <= atMostMs,
  );

export const SCENARIOS = {
  throughput: {
    describe: 'requests/s and latency, 32 connections, 1 KB',
    async run({ targets, others, inputs, rounds, seconds }) {
      const options = { connections: 32, seconds, keysFile: inputs.keys, bodyFile: inputs['1k'] };
      const result = await turnAbout([...targets, ...others], rounds, async (target) =>
        onlyGood(await wrk(target, options)),
      );
      const { bare, governed } = result;
      return {
        result,
        rows: [
          ratioRow('throughput, 1 KB, 32 connections', 'req/s', bare.rps, governed.rps, 0.6),
          addedRow('added p99, 32 connections', bare.p99Ms, governed.p99Ms, 2 * bare.p99Ms, '<= 2x bare p99'),
          ...(result.redis
            ? [ratioRow('throughput, 1 KB, counting in Redis', 'req/s', bare.rps, result.redis.rps, 0.4)]
            : []),
        ],
      };
    },
  },
  jwt: {
    describe: 'signed tokens beside virtual keys of the same people: CPU per request, 32 connections, 1 KB',
    needs: 'tokens',
    async run({ targets: [target], inputs, rounds, seconds }) {
      const call = (keysFile, length) =>
        wrk(target, { connections: 32, seconds: length, keysFile, bodyFile: inputs['1k'] });
      for (const file of [target.files.keys, target.files.tokens]) onlyGood(await call(file, 3));
      const askedBefore = target.asked();
      const result = await turnAbout(
        ['keys', 'tokens'].map((name) => ({ name })),
        rounds,
        async ({ name }) => {
          const before = cpuMs(target.pid);
          const measured = onlyGood(await call(target.files[name], seconds));
          return { ...measured, cpuUs: ((cpuMs(target.pid) - before) * 1_000) / measured.requests };
        },
      );
      const { keys, tokens } = result;
      const cost = tokens.cpuUs / keys.cpuUs;
      const questions = target.asked() - askedBefore;
      return {
        result: { ...result, questions },
        rows: [
          row(
            'keys, then tokens',
            'us CPU',
            keys.cpuUs,
            tokens.cpuUs,
            `${cost.toFixed(2)}x`,
            '<= 1.15x',
            cost <= 1.15,
          ),
          row('questions to the provider', 'calls', 0, questions, `${questions}`, '0', questions === 0),
        ],
      };
    },
  },
  latency: {
    describe: 'added p50 at one connection',
    async run({ targets, others, inputs, rounds, seconds }) {
      const options = {
        connections: 1,
        seconds: Math.ceil(seconds / 2),
        keysFile: inputs.keys,
        bodyFile: inputs['1k'],
      };
      const result = await turnAbout([...targets, ...others], rounds, async (target) =>
        onlyGood(await wrk(target, options)),
      );
      return {
        result,
        rows: [
          addedRow('added p50, 1 connection', result.bare.p50Ms, result.governed.p50Ms, 0.2, '<= 0.2 ms'),
        ],
      };
    },
  },
  large: {
    describe: 'requests/s, 100 KB bodies',
    async run({ targets, inputs, rounds, seconds }) {
      const options = { connections: 32, seconds, keysFile: inputs['few-keys'], bodyFile: inputs['100k'] };
      const result = await turnAbout(targets, rounds, async (target) => onlyGood(await wrk(target, options)));
      return {
        result,
        rows: [ratioRow('throughput, 100 KB', 'req/s', result.bare.rps, result.governed.rps, 0.6)],
      };
    },
  },
  streaming: {
    describe: 'streams of 64 frames: first byte and frames/s',
    needs: 'streams',
    async run({ streamTargets, inputs, rounds, seconds }) {
      const inputFiles = { keysFile: inputs['few-keys'], bodyFile: inputs.stream };
      const streams = seconds * 40;
      const first = await turnAbout(streamTargets, rounds, (target) =>
        firstBytes(target, { ...inputFiles, streams }),
      );
      const flow = await turnAbout(streamTargets, rounds, async (target) => {
        const { rps, ...rest } = onlyGood(await wrk(target, { ...inputFiles, connections: 32, seconds }));
        return { ...rest, framesPerSecond: rps * 64 };
      });
      return {
        result: { first, flow },
        rows: [
          addedRow(
            'added time to first byte of a stream',
            first.bare.firstByteP50Ms,
            first.governed.firstByteP50Ms,
            0.3,
            '<= 0.3 ms',
          ),
          ratioRow(
            'streaming, 64 frames',
            'frames/s',
            flow.bare.framesPerSecond,
            flow.governed.framesPerSecond,
            0.5,
          ),
        ],
      };
    },
  },
  flood: {
    describe: '5,000 bad keys/s beside 200 good requests/s',
    async run({ targets, inputs, rounds, seconds, databaseUrl }) {
      const governed = targets.find((target) => target.name === 'governed');
      const good = { perSecond: 200, seconds, sockets: 32, bodyFile: inputs['1k'], keysFile: inputs.keys };
      const bad = { perSecond: 5_000, seconds, sockets: 64, bodyFile: inputs['1k'] };
      const runs = { alone: [], flooded: [], bad: [], queries: [] };
      for (let round = 0; round < rounds; round += 1) {
        // As rates, because heartbeats and the ledger write all the time and no two windows are equally long.
        const before = await transactions(databaseUrl);
        const alone = await fixedRate(governed, good);
        const between = await transactions(databaseUrl);
        const [flooded, floodOfBad] = await Promise.all([
          fixedRate(governed, good),
          fixedRate(governed, bad),
        ]);
        const after = await transactions(databaseUrl);
        runs.alone.push(alone.p99Ms);
        runs.flooded.push(flooded.p99Ms);
        runs.bad.push(floodOfBad);
        runs.queries.push(Math.max(0, perSecond(between, after) - perSecond(before, between)));
      }
      const [alone, flooded, queries] = [runs.alone, runs.flooded, runs.queries].map(median);
      const answered = median(runs.bad.map((each) => each.answered / seconds));
      return {
        result: runs,
        rows: [
          row(
            'p99 of good requests under a flood (alone | flooded)',
            'ms',
            alone,
            flooded,
            `${(flooded / alone).toFixed(2)}x alone`,
            '<= 2x',
            flooded <= 2 * alone,
          ),
          row(
            'bad keys answered',
            '/s',
            undefined,
            answered,
            JSON.stringify(runs.bad.at(-1).statuses),
            '5,000/s',
            answered >= 4_500,
          ),
          row('database transactions a flood adds', '/s', undefined, queries, '', '<= 50/s', queries <= 50),
        ],
      };
    },
  },
  writes: {
    describe: 'administrators write, one after the other, on the embedded store',
    needs: 'embedded',
    async run({ targets: [target], seconds }) {
      const times = await adminWrites(target, seconds * 20);
      const byRoute = Object.fromEntries([...times].map(([route, each]) => [route, median(each)]));
      const p50 = median([...times.values()].flat());
      const [slowest, slowestMs] = Object.entries(byRoute).sort(([, a], [, b]) => b - a)[0];
      return {
        result: { p50Ms: p50, byRoute },
        rows: [
          row(
            'an admin write, p50',
            'ms',
            undefined,
            p50,
            `slowest: ${slowest} ${slowestMs.toFixed(1)} ms`,
            '<= 10 ms',
            p50 <= 10,
          ),
        ],
      };
    },
  },
  memory: {
    describe: 'resident memory, idle and after many requests',
    needs: 'fresh',
    async run({ freshTargets, inputs, totalRequests }) {
      const result = {};
      for (const target of freshTargets) {
        await sleep(3_000);
        const idleMb = residentMb(target.pid);
        if (idleMb === undefined) throw new Error('this system has no /proc to read resident memory from');
        const samples = [];
        for (let requests = 0; requests < totalRequests;) {
          const run = await wrk(target, {
            connections: 32,
            seconds: 5,
            keysFile: inputs.keys,
            bodyFile: inputs['1k'],
          });
          requests += onlyGood(run).requests;
          samples.push({ requests, mb: residentMb(target.pid) });
        }
        const half = samples.slice(samples.length >> 1);
        result[target.name] = {
          idleMb,
          afterMb: samples.at(-1).mb,
          slopeMbPer100k: slope(half) * 100_000,
          samples,
        };
      }
      const { bare, governed } = result;
      const growth = `${governed.slopeMbPer100k.toFixed(1)} MB per 100k`;
      return {
        result,
        rows: [
          row(
            'resident memory, idle',
            'MB',
            bare.idleMb,
            governed.idleMb,
            '',
            '<= 160 MB',
            governed.idleMb <= 160,
          ),
          row(
            `resident memory after ${totalRequests.toLocaleString('en')} requests`,
            'MB',
            bare.afterMb,
            governed.afterMb,
            `${(governed.afterMb / bare.afterMb).toFixed(2)}x bare`,
            '<= 1.2x',
            governed.afterMb <= 1.2 * bare.afterMb,
          ),
          row(
            'its growth in the second half',
            'MB/100k',
            bare.slopeMbPer100k,
            governed.slopeMbPer100k,
            growth,
            'flat (< 2)',
            governed.slopeMbPer100k < 2,
          ),
        ],
      };
    },
  },
};

function perSecond(from, to) {
  return ((to.count - from.count) * 1_000) / (to.atMs - from.atMs);
}

/** Least squares over (requests, MB). */
function slope(points) {
  if (points.length < 2) return 0;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map((point) => point.requests));
  const y = mean(points.map((point) => point.mb));
  const top = points.reduce((sum, point) => sum + (point.requests - x) * (point.mb - y), 0);
  return top / points.reduce((sum, point) => sum + (point.requests - x) ** 2, 0);
}

/** Name and version of what ran, for the reader of the figures a year later. */
export function machine() {
  const cpu = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  return { cpu, node: process.versions.node, platform: `${process.platform} ${process.arch}` };
}
