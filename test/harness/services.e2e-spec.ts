import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
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
});
