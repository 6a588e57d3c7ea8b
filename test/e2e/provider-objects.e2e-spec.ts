import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;
let ada: string;
let adasOther: string;
let bob: string;
let shared: string;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('m', provider),
      {
        model_name: 'claude',
        litellm_params: { model: 'anthropic/c', api_base: provider.origin, api_key: 'x' },
      },
      { model_name: 'mock', litellm_params: { model: 'openai/x', mock_response: 'hi' } },
    ],
  }));
  for (const name of ['red', 'blue'])
    await gate.admin('/organization/new', { organization_id: name, organization_alias: name });
  for (const user_id of ['ada', 'bob']) await gate.admin('/user/new', { user_id, auto_create_key: false });
  await gate.admin('/team/new', { team_id: 'red-team', organization_id: 'red' });
  ada = await gate.makeKey({ user_id: 'ada' });
  adasOther = await gate.makeKey({ user_id: 'ada' });
  bob = await gate.makeKey({ user_id: 'bob' });
  shared = await gate.makeKey({ team_id: 'red-team' });
});
afterAll(() => gate?.dispose());
beforeEach(() => gate.provider.reset());

const ask = (key: string, fields: Json = {}, path = '/v1/responses'): Promise<Answer> =>
  gate.ask('POST', path, { model: 'm', input: 'hi', ...fields }, key);
const sentBody = (): Json => JSON.parse(String(gate.provider.requests.at(-1)?.body)) as Json;
const rawId = (sealed: string): string => sealed.split('_tg0_', 1)[0] ?? '';

/** But for what the caller itself said, and the name of the decision. */
const refusal = ({ status, text }: Answer, said: string): string =>
  `${status} ${text.replaceAll(said, 'ID').replaceAll(/dec_\w+/g, 'DECISION')}`;

/**
 * Attack: everybody's answers lie in the operator's one account at the provider, so who learns an id (from a log, a browser, a
 * colleague) reads on in somebody else's conversation.
 */
describe('an answer that the provider keeps', () => {
  it('is gone on with by whoever it was given to, with any of their keys', async () => {
    const { body: first } = await ask(ada);
    const raw = rawId(first['id']);
    expect(first['id']).not.toBe(raw);
    for (const key of [ada, adasOther]) {
      const { body: next, status } = await ask(key, { previous_response_id: first['id'] });
      expect(status).toBe(200);
      expect(sentBody()['previous_response_id']).toBe(raw);
      // What it follows is called as it was said.
      expect(next['previous_response_id']).toBe(first['id']);
    }
  });

  it('is not there for anybody else, in the very words of what never was', async () => {
    const { body } = await ask(ada);
    const [mine, raw] = [body['id'] as string, rawId(body['id'])];
    gate.provider.reset();
    const never = `resp_never${'_tg0_'}${'A'.repeat(22)}`;
    const expected = refusal(await ask(bob, { previous_response_id: never }), never);
    expect(expected).toMatch(/^400 /);
    for (const id of [mine, raw, `${mine}x`, raw + mine.slice(raw.length).toUpperCase(), 'resp_1', ''])
      for (const key of id === mine ? [bob, shared] : [bob, shared, ada])
        expect([id, refusal(await ask(key, { previous_response_id: id }), id || 'ID')]).toEqual([
          id,
          expected,
        ]);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it.each([[['x']], [{}], [7], [true]])('has a text for a name: %j is refused', async (previous) => {
    expect((await ask(ada, { previous_response_id: previous })).status).toBe(400);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it('stays with a key without a person when its secret is made anew, and out of another organization', async () => {
    const { body } = await ask(shared);
    const [info] = (await gate.admin('/key/list?team_id=red-team&return_full_object=true'))['keys'] as Json[];
    const { key: renewed } = await gate.admin(`/key/${info?.['token']}/regenerate`, {});
    expect((await ask(renewed, { previous_response_id: body['id'] })).status).toBe(200);
    const sibling = await gate.makeKey({ team_id: 'red-team' });
    expect((await ask(sibling, { previous_response_id: body['id'] })).status).toBe(400);
    const { body: adas } = await ask(ada);
    const elsewhere = await gate.makeKey({ user_id: 'ada', organization_id: 'blue' });
    expect((await ask(elsewhere, { previous_response_id: adas['id'] })).status).toBe(400);
    shared = renewed;
  });

  it('is an administrator’s to look into, by either name', async () => {
    const { body } = await ask(ada);
    const raw = rawId(body['id']);
    for (const id of [body['id'], raw]) {
      expect((await ask(gate.product.masterKey, { previous_response_id: id })).status).toBe(200);
      expect(sentBody()['previous_response_id']).toBe(raw);
    }
  });

  it.each([false, true])('is called the same in every place of the answer, streamed: %s', async (stream) => {
    const { text } = await ask(ada, { stream });
    const said = [...text.matchAll(/"(?:item_)?id":"([^"]+)"/g)].map(([, id]) => id ?? '');
    expect(said.length).toBeGreaterThan(stream ? 10 : 1);
    expect(said.filter((id) => !/^fake-\d+(?:_m)?_tg0_[\w-]{22}$/.test(id))).toEqual([]);
    expect(new Set(said).size).toBe(2);
  });

  it('is found in the log of spend by the name that its caller knows', async () => {
    const { body } = await ask(ada);
    await expect
      .poll(async () => (await gate.ask('GET', `/spend/logs?request_id=${body['id']}`)).text)
      .toContain(body['id']);
  });

  it('has items, whose names are sealed like its own', async () => {
    const { body } = await ask(ada);
    const [item] = body['output'] as Json[];
    const reference = { type: 'item_reference', id: item?.['id'] };
    expect((await ask(ada, { input: [reference, { role: 'user', content: 'go on' }] })).status).toBe(200);
    expect(sentBody()['input'][0]).toEqual({ type: 'item_reference', id: rawId(item?.['id']) });
    const { requests } = gate.provider;
    const before = requests.length;
    for (const asked of [
      reference,
      { id: item?.['id'] },
      { type: 'item_reference', id: rawId(item?.['id']) },
    ])
      expect((await ask(bob, { input: [asked] })).status).toBe(400);
    expect(requests.length).toBe(before);
    // The conversation as a client keeps it, said again in full: the provider knows its items by their own names.
    expect((await ask(ada, { input: [item, { role: 'user', content: 'and?' }] })).status).toBe(200);
    expect(sentBody()['input'][0]).toMatchObject({ id: rawId(item?.['id']), content: item?.['content'] });
  });

  it('of a model that answers offline goes on, too', async () => {
    const { body } = await ask(ada, { model: 'mock' });
    expect((await ask(ada, { model: 'mock', previous_response_id: body['id'] })).status).toBe(200);
    expect((await ask(bob, { model: 'mock', previous_response_id: body['id'] })).status).toBe(400);
  });
});

describe('other things at the provider', () => {
  it.each<[string, Json, string?]>([
    ['a conversation', { conversation: 'conv_1' }],
    ['a conversation as an object', { conversation: { id: 'conv_1' } }],
    ['a container of code', { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
    ['a container', { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'x' }], container: 'c_1' }, '/v1/messages'],
    ['a container with skills', { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'x' }], container: { id: 'c_1' } }, '/v1/messages'],
  ])('that no call of the caller made are not there: %s', async (_what, fields, path) => {
    expect((await ask(ada, fields, path)).status).toBe(400);
    expect(gate.provider.requests).toHaveLength(0);
  }); // prettier-ignore

  it('a new container is the caller’s to name again', async () => {
    const asking = { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] };
    gate.provider.behave({
      rawBody: JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'c', content: [], stop_reason: 'end_turn', container: { id: 'container_1', expires_at: '2027-01-01' }, usage: { input_tokens: 1, output_tokens: 1 } }),
    }); // prettier-ignore
    const { body } = await ask(ada, asking, '/v1/messages');
    expect(body['id']).toBe('msg_1');
    const { id } = body['container'] as { id: string };
    expect((await ask(ada, { ...asking, container: id }, '/v1/messages')).status).toBe(200);
    expect(sentBody()['container']).toBe('container_1');
    expect((await ask(bob, { ...asking, container: id }, '/v1/messages')).status).toBe(400);
  });

  /** It would be billed when it is done, and nobody here would hear of it. */
  it('answers in the background are not begun', async () => {
    const answer = await ask(ada, { background: true });
    expect([answer.status, answer.body['error']?.param]).toEqual([400, 'background']);
    expect(gate.provider.requests).toHaveLength(0);
  });
});
