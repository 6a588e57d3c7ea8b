import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

const CAP = 40;
/** What a token of output costs here. */
const TOKEN_USD = 0.001;
/** One per cent and four tokens for the doubt of the meter; Anthropic's vocabulary is not known, and has ten per cent more. */
const MOST = { openai: CAP * 1.01 + 5, anthropic: CAP * 1.11 + 5 };

let gate: GovernedProduct;
beforeAll(async () => {
  gate = await GovernedProduct.start(
    (provider) => ({
      model_list: [
        modelEntry('m', provider),
        modelEntry('claude', provider, { model: 'anthropic/up-claude' }),
      ],
    }),
    {},
    { completionTokens: 3_000, honoursMaxTokens: false, promptTokens: 1, frameDelayMs: 1 },
  );
  // The first stream of a process loads the vocabulary that counts it.
  await stream('/v1/chat/completions', await gate.makeKey({ max_budget: 9 }), { messages: said });
});
afterAll(() => gate?.dispose());

const said = [{ role: 'user', content: 'hi' }];

interface Frame {
  readonly event: string | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
}

async function stream(path: string, key: string, body: object): Promise<{ status: number; frames: Frame[] }> {
  const answer = await gate.ask('POST', path, { model: 'm', max_tokens: CAP, stream: true, ...body }, key);
  const frames = answer.text
    .split('\n\n')
    .filter((text) => text !== '')
    .map((text) => {
      const data = /^data: (.*)$/m.exec(text)?.[1] ?? '';
      return { event: /^event: (.*)$/m.exec(text)?.[1], data: data === '[DONE]' ? data : JSON.parse(data) };
    });
  return { status: answer.status, frames };
}

/** The call's own entry: flagged, and charged what went by. */
async function expectCut(key: string, most: number): Promise<void> {
  const [entry] = await gate.entriesOf(key);
  expect(entry?.flag).toBe('cut');
  expect(entry?.outputTokens).toBeGreaterThan(CAP * 0.9);
  expect(entry?.outputTokens).toBeLessThanOrEqual(most);
  expect(await gate.spendOf(key)).toBeLessThanOrEqual(most * TOKEN_USD + TOKEN_USD);
}

describe('a stream whose upstream ignores its cap is ended at the boundary', () => {
  it.each([
    ['chat completions', '/v1/chat/completions', { messages: said }],
    ['completions', '/v1/completions', { prompt: 'hi' }],
  ])('of %s: with a chunk whose finish_reason is length, and [DONE]', async (_name, path, body) => {
    const key = await gate.makeKey({ max_budget: 9 });
    const { status, frames } = await stream(path, key, body);
    expect(status).toBe(200);
    expect(frames.at(-1)?.data).toBe('[DONE]');
    const [first, last] = [frames[0]?.data, frames.at(-2)?.data];
    expect(last).toMatchObject({ id: first.id, object: first.object, model: first.model });
    expect(last.choices).toMatchObject([{ index: 0, finish_reason: 'length' }]);
    await expectCut(key, MOST.openai);
  });

  it('of responses: with response.incomplete, because of max_output_tokens', async () => {
    const key = await gate.makeKey({ max_budget: 9 });
    const { status, frames } = await stream('/v1/responses', key, { input: 'hi', max_output_tokens: CAP });
    expect(status).toBe(200);
    const last = frames.at(-1);
    expect(last?.event).toBe('response.incomplete');
    expect(last?.data).toMatchObject({
      type: 'response.incomplete',
      response: {
        id: frames[0]?.data.response.id,
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      },
    });
    const numbers = frames.map(({ data }) => data.sequence_number as number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    await expectCut(key, MOST.openai);
  });

  it('of Anthropic messages: the block, the reason, the message', async () => {
    const key = await gate.makeKey({ max_budget: 9 });
    const { status, frames } = await stream('/v1/messages', key, { model: 'claude', messages: said });
    expect(status).toBe(200);
    expect(frames.slice(-3).map(({ event }) => event)).toEqual([
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(frames.at(-2)?.data.delta).toMatchObject({ stop_reason: 'max_tokens' });
    await expectCut(key, MOST.anthropic);
  });
});
