import { describe, expect, it } from 'vitest';
import { countableOf } from './countable-text.js';

describe('what a tokenizer is shown of a request', () => {
  it('is roles, names and texts of messages, with three tokens for the frame of each and three for the answer', () => {
    const counted = countableOf({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', name: 'ann', content: [{ type: 'text', text: 'hello' }] },
      ],
    });
    expect(counted).toEqual({ texts: ['system', 'be brief', 'user', 'ann', 'hello'], extraTokens: 9 });
  });

  it('counts a picture as a picture, not as the text of its bytes', () => {
    const url = `data:image/png;base64,${'A'.repeat(100_000)}`;
    const { texts, extraTokens } = countableOf({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    });
    expect(texts.join('')).toBe('user');
    expect(extraTokens).toBe(1_606);
  });

  it('reads a system prompt, tool results, calls of tools and their definitions', () => {
    const { texts } = countableOf({
      system: [{ type: 'text', text: 'you are kind' }],
      messages: [
        { role: 'user', content: [{ type: 'tool_result', content: [{ type: 'text', text: 'it rains' }] }] },
        { role: 'assistant', content: null, tool_calls: [{ function: { name: 'weather' } }] },
      ],
      tools: [{ name: 'weather' }],
    });
    expect(texts).toEqual([
      'user',
      'it rains',
      'assistant',
      '[[{"function":{"name":"weather"}}]]',
      'you are kind',
      '[{"name":"weather"}]',
    ]);
  });
});
