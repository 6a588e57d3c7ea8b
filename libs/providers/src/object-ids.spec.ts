import { describe, expect, it } from 'vitest';
import { idsIn, referencesIn, RenamedIds } from './object-ids.js';

const renamed = (endpoint: 'responses' | 'messages' = 'responses'): RenamedIds =>
  new RenamedIds(endpoint, (id) => `${id}!`);
const text = (names: RenamedIds, bytes: string): string => names.apply(Buffer.from(bytes)).toString('utf8');

describe('names of what an answer made at the provider', () => {
  it('are other ones wherever one stands, and nothing else is', () => {
    const names = renamed();
    const created =
      'event: response.created\ndata: {"type":"response.created","response":{"id":"r1","output":[]}}\n\n';
    expect(text(names, created)).toBe(created.replace('"r1"', '"r1!"'));
    const added =
      'data: {"type":"response.output_item.added","item":{"id":"m1","text":"é \\"m1\\" r1"}}\r\n\r\n';
    expect(text(names, added)).toBe(added.replace('"id":"m1"', '"id":"m1!"'));
    expect(text(names, 'data: {"item_id":"m1","delta":"m1 \\"r1\\""}\n\n')).toBe(
      'data: {"item_id":"m1!","delta":"m1 \\"r1\\""}\n\n',
    );
    expect(text(names, ': ping\n\ndata: [DONE]\n\n')).toBe(': ping\n\ndata: [DONE]\n\n');
  });

  it('leave an answer that tells none byte for byte as it is', () => {
    const bytes = Buffer.from('data: {"choices":[{"delta":{"content":"ü"}}]}\n\n');
    expect(renamed().apply(bytes)).toBe(bytes);
    const message = Buffer.from('{"id":"msg_1","content":[]}');
    expect(renamed('messages').apply(message)).toBe(message);
  });

  it('are not taken from what is broken, or could end a text', () => {
    for (const broken of [
      '{"id":"r1"',
      '{"id":"a\\"b"}',
      '{"id":7}',
      '[{"id":"r1"}]',
      'data: {"id":"r1"\n\n',
    ])
      expect(text(renamed(), broken)).toBe(broken);
  });

  it('are told by an answer, its items and their containers', () => {
    const answer = {
      id: 'r',
      previous_response_id: 'p',
      output: [{ id: 'm' }, { id: 'c', container_id: 'k' }],
    };
    expect(idsIn(answer, 'responses')).toEqual(['r', 'p', 'm', 'c', 'k']);
    expect(idsIn({ delta: { container: { id: 'k' } } }, 'messages')).toEqual(['k']);
  });
});

describe('what a request names', () => {
  it('is nothing in a request that brings all it says', () => {
    const input = [
      { role: 'user', content: 'x' },
      { type: 'reasoning', id: 'rs', summary: [] },
    ];
    expect(
      referencesIn({ input, previous_response_id: null, tools: [{ type: 'function' }] }, 'responses'),
    ).toEqual([]);
    expect(referencesIn({ previous_response_id: 'r' }, 'chat')).toEqual([]);
    const tools = [{ type: 'code_interpreter', container: { type: 'auto' } }];
    expect(referencesIn({ input: 'x', tools }, 'responses')).toEqual([]);
  });

  it('is every object it wants, whatever its form', () => {
    expect(
      referencesIn(
        {
          previous_response_id: 'r',
          conversation: { id: 'v' },
          input: [{ type: 'item_reference', id: 'm' }, { id: 'n' }, { type: null, id: 'o' }],
          tools: [{ container: 'k' }],
        },
        'responses',
      ).map(({ id }) => id),
    ).toEqual(['r', 'v', 'm', 'n', 'o', 'k']);
  });
});
