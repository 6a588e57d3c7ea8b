import { ManualClock } from '#libs/kernel';
import { createLogger, MemorySink } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import type { Deployment } from './deployment.js';
import { DeploymentNews } from './deployment-news.js';

const deployment = {
  id: 'gpt-a',
  group: 'gpt',
  provider: 'openai',
  upstreamModel: 'gpt-4o',
  apiBase: 'https://user:pw-nobody-may-read@eu.example.com/v1',
} as Deployment;

function news() {
  const clock = new ManualClock();
  const sink = new MemorySink();
  const log = new DeploymentNews(clock, createLogger({ level: 'info', json: true }, sink));
  const lines = (): { status: number; failures: number; msg: string }[] =>
    sink.text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { clock, sink, log, lines };
}

/** On-call reads the log alone: a key that a provider refuses would else be a call that failed, of nobody knows whom. */
describe('what the log says of a deployment that fails', () => {
  it('names it, the status, what to look at and how long it rests', () => {
    const { log, lines, sink } = news();
    log.failed(deployment, 401, 5_000);
    expect(lines()).toEqual([
      expect.objectContaining({
        level: 'warn',
        deployment: 'gpt-a',
        model: 'gpt',
        upstream: 'openai/gpt-4o',
        at: 'eu.example.com',
        status: 401,
        restMs: 5_000,
        msg: 'A deployment rests: the provider refuses our credential: look at api_key of this deployment.',
      }),
    ]);
    expect(sink.text).not.toContain('pw-nobody-may-read');
  });

  it('says it once a minute, with the number of failures since, and at once when it is another one', () => {
    const { clock, log, lines } = news();
    for (let n = 0; n < 1_000; n += 1) log.failed(deployment, 503, 0);
    expect(lines()).toHaveLength(1);
    log.failed(deployment, 429, 0);
    expect(lines().map(({ status }) => status)).toEqual([503, 429]);
    clock.advance(60_000);
    log.failed(deployment, 429, 0);
    expect(lines().map(({ failures }) => failures)).toEqual([1, 1_000, 1]);
    expect(lines()[0]?.msg).toBe('A deployment fails: the provider fails.');
  });

  it('forgets what a reload removed', () => {
    const { log, lines } = news();
    log.failed(deployment, 500, 0);
    log.keepOnly(new Set());
    log.failed(deployment, 500, 0);
    expect(lines()).toHaveLength(2);
  });
});
