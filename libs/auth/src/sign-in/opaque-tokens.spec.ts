import { describe, expect, it } from 'vitest';
import { GatewayError, ManualClock } from '#libs/kernel';
import { refusal } from '../refusal.js';
import { type KnownToken, OpaqueTokens } from './opaque-tokens.js';

const clock = new ManualClock();

/** An issuer that answers when it is told to. */
class Issuer {
  asked = 0;
  #answers: ((answer: KnownToken<string> | Error) => void)[] = [];

  readonly ask = (): Promise<KnownToken<string>> => {
    this.asked += 1;
    return new Promise((resolve, reject) =>
      this.#answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    );
  };

  say(answer: KnownToken<string> | Error): void {
    for (const one of this.#answers.splice(0)) one(answer);
  }
}
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(String, (thrown: unknown) => (thrown as GatewayError).code);

describe('a token that only its issuer can read', () => {
  it('is asked about once by all who bring it, and again when the answer has ended', async () => {
    const [tokens, issuer] = [new OpaqueTokens<string>(clock), new Issuer()];
    const all = Array.from({ length: 50 }, () => tokens.learn('h', issuer.ask));
    issuer.say({ meaning: 'ada', untilMs: clock.nowMs() + 1_000 });
    expect(new Set(await Promise.all(all))).toEqual(new Set(['ada']));
    expect([issuer.asked, tokens.recall('h')]).toEqual([1, 'ada']);
    clock.advance(1_000);
    expect(tokens.recall('h')).toBeUndefined();
  });

  it('is refused for a second without a question, and an outage is not remembered at all', async () => {
    const [tokens, issuer] = [new OpaqueTokens<string>(clock), new Issuer()];
    const first = codeOf(tokens.learn('h', issuer.ask));
    issuer.say(refusal('auth.token_invalid', 'no.'));
    expect([await first, await codeOf(tokens.learn('h', issuer.ask))]).toEqual([
      'auth.token_invalid',
      'auth.token_invalid',
    ]);
    expect(issuer.asked).toBe(1);
    clock.advance(1_000);
    const later = codeOf(tokens.learn('h', issuer.ask));
    issuer.say(new GatewayError('auth.provider_unavailable', 'away'));
    await later;
    const again = tokens.learn('h', issuer.ask);
    issuer.say({ meaning: 'ada', untilMs: clock.nowMs() + 1 });
    expect(await again).toBe('ada');
  });

  /** A flood of invented tokens must not become a flood at the identity provider. */
  it('waits for its turn behind a bounded number of questions; tokens that are known do not', async () => {
    const [tokens, issuer] = [new OpaqueTokens<string>(clock), new Issuer()];
    const known = tokens.learn('known', issuer.ask);
    issuer.say({ meaning: 'ada', untilMs: clock.nowMs() + 60_000 });
    await known;
    const flood = Array.from({ length: 1_000 }, (_, i) => codeOf(tokens.learn(`h${i}`, issuer.ask)));
    expect(issuer.asked).toBeLessThan(300);
    expect(tokens.recall('known')).toBe('ada');
    issuer.say(refusal('auth.token_invalid', 'no.'));
    expect(new Set(await Promise.all(flood))).toEqual(
      new Set(['auth.token_invalid', 'auth.provider_unavailable']),
    );
    const next = tokens.learn('next', issuer.ask);
    issuer.say({ meaning: 'bob', untilMs: clock.nowMs() + 1 });
    expect(await next).toBe('bob');
  });
});
