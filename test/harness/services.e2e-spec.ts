import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakeProvider } from './fake-provider.js';
import { startNginx } from './nginx.js';
import { startRedis } from './redis.js';

describe('private services', () => {
  it('starts a Redis that answers, and ends it', async () => {
    const redis = await startRedis();
    const { hostname, port } = new URL(redis.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port || 6379), hostname, () => socket.write('PING\r\n'));
      socket.once('data', (data) => resolve(data.toString()));
      socket.once('error', reject);
      setTimeout(() => socket.destroy(), 1_000).unref();
    });
    expect(answer).toMatch(/PONG|NOAUTH/);
    await redis.stop();
  });

  /** The site file that ships must be one that nginx accepts, and that lets frames through as they come. */
  it('runs the nginx site that ships, and frames pass one by one', async () => {
    const provider = await FakeProvider.start({ completionTokens: 4, frameDelayMs: 60 });
    const shipped = readFileSync(new URL('../../docker/nginx/tollgate.conf', import.meta.url), 'utf8');
    const plain =
      shipped.slice(0, shipped.indexOf('server {')) + shipped.slice(shipped.lastIndexOf('server {'));
    const nginx = await startNginx(
      plain.replace(/^.*ssl_certificate.*$/gm, ''),
      Number(new URL(provider.origin).port),
    );
    const response = await fetch(`${nginx.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', stream: true, messages: [] }),
    });
    const arrivals: number[] = [];
    for await (const _ of response.body ?? []) arrivals.push(performance.now());
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(100);
    await nginx.stop();
    await provider.stop();
  });
});
