import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readText } from './read-text.js';
import { tightenInputBound } from './tighten.js';

describe('the text that a model may come to read', () => {
  it('is the words of plain messages', () => {
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hi' },
    ];
    expect(readText({ model: 'm', messages, max_tokens: 5, stream: true })).toBe(
      'system\nbe brief\nuser\nhi',
    );
  });

  /** Attack: text where the bound does not look is had for nothing. */
  it('leaves out nothing that stands in any other member', () => {
    const word = fc.constant('Zanzibar');
    const place = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        word,
        fc.array(tie('tree'), { minLength: 1, maxLength: 2 }),
        fc.record({ text: tie('tree') }),
        fc.record({ role: word, content: word, name: tie('tree') }),
        fc.record({ role: word, content: tie('tree') }),
      ),
    })).tree;
    fc.assert(
      fc.property(
        fc.constantFrom('messages', 'input', 'tools', 'response_format', 'whatever'),
        place,
        (name, tree) => {
          const json = { model: 'm', [name]: tree };
          const words = (text: string): number => text.split('Zanzibar').length;
          expect(words(readText(json))).toBe(words(JSON.stringify(json)));
        },
      ),
    );
  });

  it('is what a bound near a limit is made of: a short question is short, and no syntax of JSON', async () => {
    const json = {
      model: 'a-model-with-a-long-name',
      messages: [{ role: 'user', content: 'hi' }],
      temperature: 0.5,
    };
    const bytes = Buffer.from(JSON.stringify(json));
    const wrapping = 32;
    const at = (apiBase: string): Promise<number> =>
      tightenInputBound({ bytes, json }, bytes.length + wrapping, { provider: 'openai', apiBase }, 'x');
    expect(await at('https://another.example/v1')).toBeLessThan(wrapping + 8);
    // OpenAI counts eight: six for the frame, and two words.
    const atOpenAi = await at('https://api.openai.com/v1');
    expect(atOpenAi).toBeGreaterThanOrEqual(8);
    expect(atOpenAi).toBeLessThan(14);
  });
});
