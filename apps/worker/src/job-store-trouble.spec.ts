import { ManualClock } from '#libs/kernel';
import { createLogger, MemorySink } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import { JobStoreTrouble } from './job-store-trouble.js';

/** BullMQ asks again a hundred times a second when a store refuses: that filled a disk with lines that all said the same. */
describe('a job store that does not answer', () => {
  it('is told of twice a minute, each reason at once', () => {
    const clock = new ManualClock();
    const sink = new MemorySink();
    const trouble = new JobStoreTrouble(clock, createLogger({ level: 'info', json: true }, sink));
    for (let n = 0; n < 500; n += 1) trouble.tell(new Error('read-only'));
    trouble.tell(Object.assign(new Error(''), { code: 'ECONNREFUSED' }));
    expect(sink.text.trim().split('\n')).toHaveLength(2);
    expect(sink.text).toContain('"reason":"ECONNREFUSED"');
    clock.advance(30_000);
    trouble.tell(new Error('read-only'));
    expect(sink.text.trim().split('\n')).toHaveLength(3);
  });
});
