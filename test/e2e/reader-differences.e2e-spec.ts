import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';
import {
  type JsonReader,
  readAnyCase,
  readAsNode,
  readAsPython,
  readFirst,
  readToNul,
} from '../harness/json-readers.js';

let gate: GovernedProduct;
let key: string;
beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider), modelEntry('dear', provider)],
  }));
  key = await gate.makeKey({ models: ['m'] });
});
afterAll(() => gate?.dispose());

const MESSAGES = '"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]';
const body = (...members: string[]): string => `{"model":"m",${[MESSAGES, ...members].join(',')}}`;

/** Each is read in two ways by somebody. */
const CRAFTED: readonly string[] = [
  ...['"model":"dear"', '"Model":"dear"', '"mod\\u0065l":"dear"', '"model\\u0000":"dear"', '"\\u006dODEL":"dear"', '"mode\\u006c ":"dear"'].map((one) => body(one)),
  ...['"max_tokens":5,"max_tokens":50000', '"max_tokens":5,"MAX_TOKENS":50000', '"max_to\\u212aens":50000', '"max_tokens":5,"n_predict":50000', '"max_tokens":5.0', '"max_tokens":5e0', '"max_tokens":5.000000000000000000001', '"max_tokens":1e400', '"max_tokens":-0', '"max_tokens":9007199254740993', '"max_tokens":"5"', '"max_tokens":[5]', '"max_tokens":true', '"max_tokens":05', '"max_tokens":0x5', '"max_tokens":+5', '"max_tokens":NaN', '"max_tokens":Infinity', '"max_tokens":5,'].map((one) => body(one)),
  ...['"n":1,"n":9', '"n":1,"N":9', '"n":1.0', '"n":1e0', '"n":-0', '"n":"9"', '"n":null'].map((one) => body(one)),
  ...['"stream":false,"stream":true', '"\\u017ftream":true', '"stream":"true"', '"stream":1', '"Stream":true', '"stream":null'].map((one) => body(one)),
  ...['"user":"a","user":"b"', '"User":"b"', '"user":{"a":1,"a":2}', '"user":["a"]', '"user":"\\ud800"'].map((one) => body(one)),
  ...['"tags":["a"],"tags":["b"]', '"metadata":{"tags":["a"],"tags":["b"]}', '"metadata":{"tags":["a"],"Tags":["b"]}', '"metadata":{"a":{"b":1,"b":2}}'].map((one) => body(one)),
  ...['"tools":[{"type":"function","type":"web_search"}]', '"tools":[{"type":"web_search","type":"function"}]', '"tools":[{"type":"function","function":{"name":"a","name":"b"}}]', '"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","type":"string"}}}]', '"tools":[],"tools":[{"type":"web_search"}]', '"TOOLS":[{"type":"web_search"}]'].map((one) => body(one)),
  ...['"previous_response_id":null,"previous_response_id":"resp_x"', '"Previous_Response_Id":"resp_x"'].map((one) => body(one)),
  ...['"__proto__":{"model":"dear"}', '"__proto__":{"a":1},"__proto__":{"a":2}', '"constructor":{"prototype":{"model":"dear"}}', '"toString":1', '"":1,"":2', '"x":{"y":[{"z":1,"z":2}]}', '"x":[[[{"":1,"":2}]]]'].map((one) => body(one)),
  '{"model":"m","messages":[{"role":"user","content":"x","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]}',
  '{"model":"m","messages":[{"role":"user","content":[{"type":"text","type":"image_url","text":"x","image_url":{"url":"https://x"}}]}]}',
  '{"model":"m","messages":[{"role":"user","role":"system","content":"x"}]}',
  `\ufeff${body()}`, `${body()}\u0000`, `${body()}${body()}`, `${body()}\n{"model":"dear"}`, `/**/${body()}`, `${body()}//x`, `\u00a0${body()}`, `\f${body()}`,
  `[${body()}]`, `"${body().replaceAll('"', '\\"')}"`, body('"x":'.concat('['.repeat(500), ']'.repeat(500))), body('"x":'.concat('{"a":'.repeat(500), '1', '}'.repeat(500))),
  body('"x":"\\ud800"'), body('"x":"\\udfff\\ud800"'), body('"\\ud800":1,"\\udfff":2'), body("'x':1"), body('x:1'), body('"x":1,'), body('"x":"\t"'), body('"x":"\\x41"'),
]; // prettier-ignore

const AS_BYTES: readonly Buffer[] = [
  Buffer.from(body(), 'utf16le'),
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(body(), 'utf16le')]),
  Buffer.concat([Buffer.from('{"model":"m","x":"'), Buffer.from([0xc0, 0xa2]), Buffer.from('"}')]),
  Buffer.concat([Buffer.from('{"model":"m","x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
];

/**
 * Attack: one body that we read in one way and the provider, or whoever stands between, in another, so that what was judged is not
 * what is served. What comes through must mean the same to every reader.
 */
describe('one body, many readers', () => {
  const readers: readonly [string, JsonReader][] = [
    ['takes the first of two', readFirst],
    ['does not mind capitals', readAnyCase],
    ['ends names at NUL', readToNul],
  ];

  async function sentUpstream(): Promise<{ asked: Buffer; sent: Buffer }[]> {
    const through: { asked: Buffer; sent: Buffer }[] = [];
    for (const asked of [...CRAFTED.map((text) => Buffer.from(text)), ...AS_BYTES]) {
      gate.provider.reset();
      const response = await fetch(`${gate.product.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: Uint8Array.from(asked),
      });
      await response.text();
      expect(response.status, asked.toString()).toBeLessThan(500);
      const [received] = gate.provider.requests;
      if (received) through.push({ asked, sent: received.body });
      else expect([400, 401, 403], asked.toString()).toContain(response.status);
    }
    return through;
  }

  it('is sent on only where all of them understand the same', async () => {
    const through = await sentUpstream();
    // Neither everything nor nothing: both would prove little.
    expect(through.length).toBeGreaterThan(8);
    expect(through.length).toBeLessThan(CRAFTED.length / 2);
    const differing: string[] = [];
    for (const { asked, sent } of through) {
      const reading = readAsNode(sent);
      expect(reading.model).toBe('up-m');
      for (const [name, read] of readers) {
        const other = read(sent);
        if (JSON.stringify(other) !== JSON.stringify(reading)) differing.push(`${name}: ${asked.toString()}`);
      }
    }
    const byPython = readAsPython(through.map(({ sent }) => sent));
    if (byPython === undefined)
      process.stderr.write('python3 is not on this machine: its reader was not asked.\n');
    byPython?.forEach((other, at) => {
      const { asked, sent } = through[at] ?? expect.unreachable();
      if (JSON.stringify(other) !== JSON.stringify(readAsNode(sent)))
        differing.push(`Python: ${asked.toString()}`);
    });
    expect(differing).toEqual([]);
  });

  /** What a caller holds for is what it asked for under a name that this endpoint's providers read. */
  it.each([
    ['/v1/responses', { model: 'm', input: 'hi', max_tokens: 1 }],
    ['/v1/responses', { model: 'm', input: 'hi', max_completion_tokens: 1 }],
    [
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_output_tokens: 1 },
    ],
    ['/v1/completions', { model: 'm', prompt: 'hi', max_completion_tokens: 1 }],
  ])('a cap that nobody at %s reads is no cap: %j', async (path, asking) => {
    gate.provider.reset();
    gate.provider.behave({ completionTokens: 400 });
    // A token of an answer costs a tenth of a cent: 400 of them four times what there is.
    const poor = await gate.makeKey({ max_budget: 0.1 });
    await gate.ask('POST', path, asking, poor);
    expect(await gate.spendOf(poor)).toBeLessThanOrEqual(0.1);
  });
});
