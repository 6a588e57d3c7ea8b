// Sends requests at a fixed rate whatever the answers do, and times each from the moment it was due: a stalled server cannot hide.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RawClient, percentile, requestBytes } from './raw-client.mjs';

const { port, perSecond, seconds, sockets, bodyFile, keysFile } = JSON.parse(process.argv[2]);
const body = readFileSync(bodyFile, 'utf8');
const keys = keysFile ? readFileSync(keysFile, 'utf8').trim().split('\n') : undefined;
const ready = keys?.map((key) => requestBytes(port, key, body));

const free = Array.from({ length: sockets }, () => new RawClient(port));
const waiting = [];
const times = [];
const statuses = {};
let due = 0;

// Without a list of keys every request carries a random one of the right shape.
const nextBytes = () =>
  ready?.[due % ready.length] ?? requestBytes(port, `sk-${randomBytes(24).toString('base64url')}`, body);

function launch(client, bytes, dueAt) {
  client.send(bytes, (status) => {
    times.push(performance.now() - dueAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const alive = client.isClosed ? new RawClient(port) : client;
    const next = waiting.shift();
    if (next) launch(alive, next.bytes, next.dueAt);
    else free.push(alive);
  });
}

const started = performance.now();
const timer = setInterval(() => {
  const now = performance.now();
  const target = Math.min(perSecond * seconds, Math.floor(((now - started) / 1_000) * perSecond));
  for (; due < target; due += 1) {
    const dueAt = started + ((due + 1) * 1_000) / perSecond;
    const client = free.pop();
    if (client) launch(client, nextBytes(), dueAt);
    else waiting.push({ bytes: nextBytes(), dueAt });
  }
  const isOver = due >= perSecond * seconds && times.length >= due;
  if (!isOver && now - started < (seconds + 10) * 1_000) return;
  clearInterval(timer);
  times.sort((a, b) => a - b);
  const result = {
    sent: due,
    answered: times.length,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    statuses,
  };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}, 1);
