import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '#libs/kernel';
import { scanMembers } from './members.js';
import { parseRequestBody } from './request-body.js';

const read = (text: string) => parseRequestBody(Buffer.from(text));

describe('a request body', () => {
  /** Remembering hundreds of thousands of names held the process for half a second. */
  it('with more members than any call has is refused, in the body and in its metadata', () => {
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`f${at}`, 1]));
    expect(() => read(JSON.stringify(many))).toThrow(/more than 1000 members/);
    expect(() => read(JSON.stringify({ metadata: many }))).toThrow(/more than 1000 members/);
    expect(() => read(JSON.stringify({ messages: [many] }))).not.toThrow();
  });

  it('is kept byte for byte, with its members found', () => {
    const text =
      ' {"model" : "a\\"b", "messages":[{"role":"user","content":"}{][,\\\\"}], "n":1e2 ,"ünï":null}\n';
    const body = read(text);
    const slices = [...body.members].map(([name, { keyStart, valueStart, valueEnd }]) => [
      name,
      body.bytes.toString('utf8', keyStart, keyStart + 1),
      body.bytes.toString('utf8', valueStart, valueEnd),
    ]);
    expect(slices).toEqual([
      ['model', '"', '"a\\"b"'],
      ['messages', '"', '[{"role":"user","content":"}{][,\\\\"}]'],
      ['n', '"', '1e2'],
      ['ünï', '"', 'null'],
    ]);
  });

  it('finds for any JSON object the very values a parser finds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ unit: 'binary' }).map((name) => `x${name.replaceAll('\0', '')}`),
          fc.jsonValue(),
        ),
        fc.constantFrom(undefined, 1, '\t'),
        (value, indent) => {
          const bytes = Buffer.from(JSON.stringify(value, null, indent));
          const found = Object.fromEntries(
            [...scanMembers(bytes)].map(([name, { valueStart, valueEnd }]) => [
              name,
              JSON.parse(bytes.toString('utf8', valueStart, valueEnd)) as unknown,
            ]),
          );
          expect(found).toEqual(JSON.parse(JSON.stringify(value)));
        },
      ),
    );
  });

  /** Attack: we price and authorize one `model`, the upstream serves the other. */
  it.each([
    '{"model":"cheap","model":"dear"}',
    '{"model":"cheap","mod\\u0065l":"dear"}',
    '{"model":"cheap","MODEL":"dear"}',
    '{"Max_Tokens":1}',
    '{"\\u017ftream":true}',
    '{"max_to\u212aens":5}',
    '{"x":1,"x":2}',
    '{"stream_options":{"include_usage":true,"include_usage":false}}',
    '{"stream_options":{"Include_Usage":false}}',
    '{"thinking":{"budget_tokens":1,"budget_tokens":9999}}',
    '{"metadata":{"tags":["a"],"tags":["b"]}}',
    '{"tools":[{"type":"function","type":"web_search"}]}',
    '{"tools":[{"type":"web_search","typ\\u0065":"function"}]}',
    '{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","text":"x","type":"text"}]}]}',
    '{"response_format":{"json_schema":{"schema":{"properties":{"a":{"type":"string","type":"number"}}}}}}',
    '{"x":{"__proto__":1,"__proto__":2}}',
    '{"x":{"1":1,"1":2}}',
    '{"x":[[{"":0,"":1}]]}',
    '{"model\\u0000x":"dear","model":"cheap"}',
    '{"mod\\ud800el":"dear"}',
  ])('refuses what two parsers could read differently: %s', (text) => {
    expect(() => read(text)).toThrow(GatewayError);
  });

  /** Members are counted where a parser has already put the repeated ones together: the two numbers must agree for whatever is no attack. */
  it('takes any object that names nothing twice, however deep', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify({ x: value, y: '":,{"' }, null, indent);
        expect(read(text).json).toEqual(JSON.parse(text));
      }),
    );
  });

  it('names in its refusal what stands there twice', () => {
    expect(() => read('{"tools":[{"type":"function","type":"web_search"}]}')).toThrow(
      'The field "type" of the request body occurs twice',
    );
  });

  it.each([
    '',
    '[]',
    'null',
    '"x"',
    '{',
    '{"a":1}x',
    '{"a":}',
    '\ufeff{"a":1}',
    `{"a":${'['.repeat(200)}${']'.repeat(200)}}`,
  ])('refuses %j with the contract’s param', (text) => {
    try {
      read(text);
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'request.invalid', status: 400, param: 'request_body' });
    }
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseRequestBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow('UTF-8');
  });

  it('keeps a prompt full of quotes and backslashes cheap and whole', () => {
    const prompt = '\\"'.repeat(30_000) + '"\\\\'.repeat(10_000);
    const text = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: prompt }], n: 2 });
    const { members, bytes } = read(text);
    const n = members.get('n');
    expect(bytes.toString('utf8', n?.valueStart, n?.valueEnd)).toBe('2');
  });
});

describe('a body that was let go of', () => {
  it('says the same when it is asked again', () => {
    const body = read('{"model":"m","messages":[{"role":"user","content":"é"}]}');
    const before = structuredClone(body.json);
    body.forget();
    expect(body.json).toEqual(before);
  });
});
