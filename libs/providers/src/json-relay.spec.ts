import { describe, expect, it } from 'vitest';
import { readAnswer } from './json-relay.js';

const answer = (json: unknown, endpoint: Parameters<typeof readAnswer>[1] = 'chat') =>
  readAnswer(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)), endpoint);

describe('a JSON answer', () => {
  it('tells usage and id from its top level only', () => {
    const nested = {
      choices: [{ message: { content: '"usage":{"prompt_tokens":999}', usage: { prompt_tokens: 999 } } }],
    };
    expect(answer({ id: 'a', ...nested, usage: { prompt_tokens: 1, completion_tokens: 2 } })).toMatchObject({
      responseId: 'a',
      usage: { inputTokens: 1, outputTokens: 2 },
    });
    expect(answer({ id: 'a', ...nested })).toMatchObject({
      usage: undefined,
      outputBytes: Buffer.byteLength(nested.choices[0]?.message.content ?? ''),
    });
  });

  it('counts reasoning that only the total shows', () => {
    expect(
      answer({
        usage: {
          prompt_tokens: 10,
          completion_tokens: 5,
          total_tokens: 35,
          completion_tokens_details: { reasoning_tokens: 20 },
        },
      })?.usage,
    ).toMatchObject({ outputTokens: 25, reasoningTokens: 20 });
  });

  it.each([
    { prompt_tokens: -5, completion_tokens: 1 },
    { prompt_tokens: '5', completion_tokens: 1 },
    { prompt_tokens: 1e300, completion_tokens: 1 },
  ])('never counts nonsense: %j', (usage) => {
    expect(answer({ usage })?.usage).toMatchObject({ inputTokens: 0, outputTokens: 1 });
  });

  const padding = `"data":"${'x'.repeat(20_000)}",`;
  it.each([
    { prompt_tokens: 0, completion_tokens: 0 },
    { prompt_tokens: -9, completion_tokens: -9, total_tokens: -18 },
    { prompt_tokens: NaN, completion_tokens: 1e300 },
  ])('takes a bill that counts nothing for none, so that the answer is estimated: %j', (usage) => {
    expect(answer({ usage })?.usage).toBeUndefined();
  });

  it.each(['<html>', '', '[1]', '{"a":1', '{"id":"x","usage":{"prompt_tokens":1}'])(
    'is refused when it is no whole object, short or long: %j',
    (text) => {
      expect(answer(text)).toBeUndefined();
      expect(
        answer(
          text
            .replace('{', `{${padding}`)
            .replace('[', `["${padding.replaceAll('"', '')}",`)
            .replace('<', `<${padding}`),
        ),
      ).toBeUndefined();
    },
  );

  it('is read the same when it is long', () => {
    expect(answer(`{${padding}"id":"a","usage":{"prompt_tokens":1,"completion_tokens":2}}`)).toMatchObject({
      responseId: 'a',
      usage: { inputTokens: 1, outputTokens: 2 },
    });
    expect(answer(`{"id":"a","id":"b",${padding}"usage":{"prompt_tokens":1}}`)).toMatchObject({
      responseId: 'b',
      usage: { inputTokens: 1 },
    });
  });

  it('shows an error inside a good status, but not a finished response’s null', () => {
    expect(answer({ error: { message: 'x', code: 502 } })?.error).toEqual({
      error: { message: 'x', code: 502 },
    });
    expect(answer({ id: 'resp', error: null, status: 'completed' }, 'responses')?.error).toBeUndefined();
    expect(answer({ choices: [], error: null })?.error).toBeUndefined();
  });
});
