// How exact is a limit of requests per minute? Any gateway that speaks OpenAI's protocol can be asked: only its answers are counted.
import { parseArgs } from 'node:util';

const HELP = `npm run conformance -- --base-url URL[,URL...] (--master-key KEY | --key KEY,KEY,...) [options]
  --base-url A,B    replicas of one gateway; calls take turns among them
  --master-key K    makes a fresh key with the limit for each scenario (POST /key/generate)
  --key A,B,C       or: keys that have the limit already, one a scenario
  --limit N         requests a minute (100)
  --minutes M       how long the steady and the Poisson scenario run (3)
  --model NAME      what to call (m)
  --together        all scenarios at once, each with its key
  --only A,B        some of: steady, poisson, edge, refusal
Prints, for each scenario: what was admitted in the worst 60 s (over-admission), a minute on average (under-admission), and whether a
caller who came back exactly when it was told to was let in. Ends with 1 when a limit was passed or a tenth of it was withheld.
`;
const { values } = parseArgs({
  options: {
    'base-url': { type: 'string' },
    'master-key': { type: 'string' },
    key: { type: 'string' },
    limit: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '3' },
    model: { type: 'string', default: 'm' },
    only: { type: 'string' },
    together: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const urls = values['base-url']?.split(',').map((url) => url.replace(/\/+$/, ''));
if (values.help || !urls || !(values['master-key'] || values.key)) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const limit = Number(values.limit);
const minutes = Number(values.minutes);
const given = values.key?.split(',') ?? [];
const WINDOW_MS = 60_000;
const say = (line) => process.stdout.write(`${line}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

async function keyFor(scenario) {
  if (!values['master-key']) {
    const key = given.shift();
    if (!key) throw new Error(`no --key is left for ${scenario}`);
    return key;
  }
  const response = await fetch(`${urls[0]}/key/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${values['master-key']}`, 'content-type': 'application/json' },
    body: JSON.stringify({ rpm_limit: limit }),
  });
  if (!response.ok) throw new Error(`/key/generate answered ${response.status}: ${await response.text()}`);
  return (await response.json()).key;
}

let turn = 0;
/** One call. An admission counts from the moment its call was sent: that is the earliest it can have been made. */
async function call(key) {
  const url = urls[(turn += 1) % urls.length];
  const atMs = performance.now();
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: values.model,
        max_tokens: 5,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    });
    await response.arrayBuffer();
    const retryAfter = response.headers.get('retry-after');
    return { atMs, doneMs: performance.now(), status: response.status, retryAfter };
  } catch (error) {
    return { atMs, doneMs: performance.now(), status: 0, error };
  }
}

/** Calls at these times after now, however long each takes. */
async function at(timesMs, key) {
  const began = performance.now();
  const calls = [];
  for (const timeMs of timesMs) {
    await sleep(began + timeMs - performance.now());
    calls.push(call(key));
  }
  return Promise.all(calls);
}

/** The most that surely fell into one window: sent after its begin, answered before its end. */
function worst(calls) {
  const good = calls.filter(({ status }) => status === 200);
  return Math.max(
    0,
    ...good.map(
      ({ atMs: from }) => good.filter(({ atMs, doneMs }) => atMs >= from && doneMs < from + WINDOW_MS).length,
    ),
  );
}

const SCENARIOS = {
  steady: {
    what: `${Math.round(limit * 1.09)} a minute, evenly`,
    async run(key) {
      const perMinute = Math.round(limit * 1.09);
      const count = perMinute * minutes;
      const calls = await at(
        Array.from({ length: count }, (_, i) => (i * WINDOW_MS) / perMinute),
        key,
      );
      return { calls, perMinute: calls.filter(({ status }) => status === 200).length / minutes };
    },
  },
  poisson: {
    what: `${limit * 10} a minute, at random`,
    async run(key) {
      const times = [];
      for (
        let time = 0;
        time < minutes * WINDOW_MS;
        time += (-Math.log(1 - Math.random()) * WINDOW_MS) / (limit * 10)
      )
        times.push(time);
      const calls = await at(times, key);
      return { calls, perMinute: calls.filter(({ status }) => status === 200).length / minutes };
    },
  },
  edge: {
    what: 'bursts around the edge of a minute of the wall clock and of the first call',
    async run(key) {
      const burst = (timeMs) => Array.from({ length: Math.ceil(limit * 0.75) }, () => timeMs);
      const toEdge = WINDOW_MS - (Date.now() % WINDOW_MS);
      const edges = [toEdge - 700, toEdge + 100, toEdge + WINDOW_MS - 900, toEdge + WINDOW_MS - 400];
      return { calls: await at(edges.filter((edge) => edge > 0).flatMap(burst), key) };
    },
  },
  refusal: {
    what: 'a refused caller comes back exactly when it was told to',
    async run(key) {
      const calls = await at(
        Array.from({ length: limit + 5 }, (_, i) => i * 20),
        key,
      );
      const refused = calls.filter(({ status }) => status === 429);
      const told = Number(refused.at(-1)?.retryAfter);
      if (!(told > 0)) return { calls, note: 'no retry-after was sent' };
      await sleep(told * 1_000 - (performance.now() - refused.at(-1).doneMs));
      const back = await call(key);
      return {
        calls,
        note: `told ${told} s, then ${back.status === 200 ? 'let in' : `answered ${back.status}`}`,
      };
    },
  },
};

let failed = false;
async function measure([name, { what, run }]) {
  const { calls, perMinute, note } = await run(await keyFor(name));
  const most = worst(calls);
  const broken = calls.filter(({ status }) => status !== 200 && status !== 429).length;
  const over = Math.max(0, most - limit);
  const withheld = perMinute === undefined ? undefined : Math.max(0, limit - perMinute);
  failed ||=
    over > 0 || broken > 0 || (withheld ?? 0) > limit / 10 || (note ?? 'let in').includes('answered');
  say(
    `${name} (${what}): worst 60 s ${most} of ${limit}, over-admission ${over}${
      perMinute === undefined
        ? ''
        : `; ${perMinute.toFixed(1)} a minute, under-admission ${withheld.toFixed(1)}`
    }${note ? `; ${note}` : ''}${broken ? `; ${broken} broken` : ''}`,
  );
}

const chosen = Object.entries(SCENARIOS).filter(
  ([name]) => !values.only || values.only.split(',').includes(name),
);
if (values.together) await Promise.all(chosen.map(measure));
else for (const one of chosen) await measure(one);
process.exitCode = failed ? 1 : 0;
