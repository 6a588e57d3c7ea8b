import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClientAnswer } from './client-answer.js';

class FakeResponse extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

let response: FakeResponse;
let answer: ClientAnswer;
beforeEach(() => {
  vi.useFakeTimers();
  response = new FakeResponse();
  answer = new ClientAnswer(response as unknown as ServerResponse, 'openai');
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a client that reads slower than we write', () => {
  it('is waited for, however often, and leaves no listener and no timer behind', () => {
    let resumed = 0;
    for (let time = 0; time < 20; time += 1) {
      answer.whenDrained(() => void (resumed += 1));
      vi.advanceTimersByTime(60_000);
      response.emit('drain');
    }
    expect(resumed).toBe(20);
    expect([response.listenerCount('drain'), response.listenerCount('close'), vi.getTimerCount()]).toEqual([
      0, 0, 0,
    ]);
    expect(response.destroyed).toBe(false);
  });

  it('and takes nothing at all for five minutes is cut off', () => {
    answer.whenDrained(() => undefined);
    vi.advanceTimersByTime(299_000);
    expect(response.destroyed).toBe(false);
    vi.advanceTimersByTime(1_000);
    expect(response.destroyed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
