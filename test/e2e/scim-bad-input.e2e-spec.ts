import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, answerOf, GovernedProduct, modelEntry } from '../harness/governed-product.js';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

let own: GovernedProduct;
/** A key that opens the SCIM routes and nothing else, of nobody. */
let token: string;

beforeAll(async () => {
  own = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }));
  token = await own.makeKey({ allowed_routes: ['/scim/*'] });
});
afterAll(() => own?.dispose());

async function scim(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${own.product.url}/scim/v2${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/scim+json; charset=utf-8' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answerOf(response.status, response.headers, await response.text());
}

describe('bad input', () => {
  it.each([
    ['GET', `/Users?filter=${encodeURIComponent(`userName eq "x' OR 1=1 --"`)}`, undefined, 200],
    ['GET', `/Users?filter=${encodeURIComponent('password pr')}`, undefined, 400],
    ['GET', `/Users?filter=${encodeURIComponent('userName eq "a" or')}`, undefined, 400],
    ['GET', '/Users?filter=a&filter=b', undefined, 422],
    ['GET', '/Users?count=many', undefined, 400],
    ['POST', '/Users', { schemas: [USER] }, 400],
    ['POST', '/Users', { schemas: [USER], userName: 'a\u0000b' }, 400],
    ['POST', '/Users', { schemas: [USER], userName: 'x'.repeat(300) }, 400],
    ['POST', '/Users', [1], 400],
    ['POST', '/Users', undefined, 400],
    [
      'PATCH',
      '/Users/nobody',
      { schemas: [PATCH], Operations: [{ op: 'replace', path: 'active', value: false }] },
      404,
    ],
    [
      'POST',
      '/Groups',
      { schemas: [GROUP], displayName: 'G', members: [{ value: 'x', type: 'Group' }] },
      400,
    ],
  ] as const)('%s %s is answered in the standard’s words', async (method, path, body, status) => {
    const answer = await scim(method, path, body);
    expect([answer.status, answer.text]).toEqual([status, expect.any(String)]);
    if (status === 200) expect(answer.body['totalResults']).toBe(0);
    else expect(answer.body).toMatchObject({ status: String(status), detail: expect.any(String) as unknown });
  });

  /** Before anything of ours has looked at it, too: a provisioner shows `detail` to people, and gives up on 400 instead of trying again. */
  it.each(['{', '{"a":1,"a":2}', '\u00ff', 'x=1', `{"userName":"${'x'.repeat(3_000_000)}"}`])(
    'that is no JSON is answered in the standard’s words (%#)',
    async (body) => {
      for (const [method, path] of [
        ['POST', '/Users'],
        ['PATCH', '/Groups/x'],
      ] as const) {
        const response = await fetch(`${own.product.url}/scim/v2${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
          body: body === '\u00ff' ? new Uint8Array([0xff]) : body,
        });
        const status = body.length > 1_000 ? 413 : 400;
        expect(response.status).toBe(status);
        expect(response.headers.get('content-type')).toContain('application/scim+json');
        expect(await response.json()).toEqual({
          schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
          status: String(status),
          ...(status === 400 ? { scimType: 'invalidSyntax' } : {}),
          detail: expect.any(String) as unknown,
        });
      }
    },
  );
});
