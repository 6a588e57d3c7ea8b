import { randomBytes } from 'node:crypto';
import type { FakeProvider } from './fake-provider.js';
import { chatBody, type Json } from './governed-product.js';
import type { Product } from './product.js';
import { sendRaw } from './raw-http.js';

export const random = (prefix: string): string => `${prefix}${randomBytes(24).toString('base64url')}`;

const bearer = (key: string | undefined): Record<string, string> => ({ authorization: `Bearer ${key}` });

/**
 * What callers, strangers, administrators and broken providers do on an ordinary bad day, with canaries wherever a secret
 * or a prompt can stand. Adds the keys it makes to `secrets`. Returns every answer's headers and body but those that show a
 * new key once, which is the one place where it may stand.
 */
export async function liveBadDay(
  product: Product,
  provider: FakeProvider,
  secrets: Record<string, string>,
): Promise<string[]> {
  const answers: string[] = [];
  async function ask(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<{ status: number; body: Json }> {
    const response = await fetch(product.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    answers.push(`${JSON.stringify([...response.headers])} ${text}`);
    try {
      return { status: response.status, body: JSON.parse(text) as Json };
    } catch {
      return { status: response.status, body: {} };
    }
  }

  const master = bearer(secrets.masterKey);
  const made = (
    await ask(
      'POST',
      '/key/generate',
      { key_alias: 'canary', max_budget: 100, user_id: 'bird', metadata: { note: 'plain' } },
      master,
    )
  ).body;
  const limited = (await ask('POST', '/key/generate', { rpm_limit: 0 }, master)).body;
  const deleted = (await ask('POST', '/key/generate', {}, master)).body;
  const replaced = (await ask('POST', '/key/generate', {}, master)).body;
  const custom = random('sk-');
  await ask('POST', '/key/generate', { key: custom }, master);
  Object.assign(secrets, {
    key: made.key,
    limitedKey: limited.key,
    deletedKey: deleted.key,
    replacedKey: replaced.key,
    customKey: custom,
  });
  await ask('POST', '/key/delete', { keys: [deleted.key] }, master);
  secrets.newKey = (await ask('POST', `/key/${String(replaced.key)}/regenerate`, {}, master)).body
    .key as string;
  answers.length = 0;

  const key = secrets.key ?? '';
  const spoken = {
    messages: [
      { role: 'system', content: secrets.systemPrompt },
      { role: 'user', content: secrets.prompt },
    ],
    tools: [{ type: 'function', function: { name: secrets.toolName } }],
  };
  for (const stream of [false, true]) {
    await ask('POST', '/v1/chat/completions', chatBody({ ...spoken, stream }), bearer(key));
    await ask(
      'POST',
      '/v1/messages',
      { model: 'claude', max_tokens: 5, stream, messages: [{ role: 'user', content: secrets.prompt }] },
      { 'x-api-key': key },
    );
    await ask('POST', '/v1/responses', { model: 'm', stream, input: secrets.prompt }, bearer(key));
    for (const fault of [
      'reset-before-headers',
      'reset-midway',
      'end-midway',
      'error-frame-midway',
    ] as const) {
      provider.behaveNext({ fault, frameDelayMs: 5 });
      await ask('POST', '/v1/chat/completions', chatBody({ ...spoken, stream }), bearer(key)).catch(
        () => undefined,
      );
    }
  }
  await ask('POST', '/v1/completions', { model: 'm', prompt: secrets.prompt }, bearer(key));
  await ask('POST', '/v1/embeddings', { model: 'm', input: secrets.prompt }, bearer(key));
  const echo = (status: number) => ({
    status,
    rawBody: JSON.stringify({
      error: {
        message: `Incorrect API key provided: ${secrets.providerKey}`,
        type: 'x',
        param: secrets.providerKey,
        code: secrets.providerKey,
      },
    }),
  });
  provider.behaveNext(echo(401), echo(400), echo(500), { rawBody: `not json ${secrets.providerKey}` });
  for (let i = 0; i < 4; i += 1) await ask('POST', '/v1/chat/completions', chatBody(spoken), bearer(key));
  await ask('POST', '/v1/chat/completions', chatBody({ ...spoken, model: 'nowhere' }), bearer(key));
  await ask('POST', '/v1/chat/completions', chatBody({ ...spoken, api_key: secrets.guess }), bearer(key));
  await ask(
    'POST',
    '/v1/chat/completions',
    chatBody({ ...spoken, api_base: `http://u:${secrets.guess}@127.0.0.1` }),
    bearer(key),
  );
  await ask('POST', '/v1/chat/completions', chatBody({ ...spoken, max_tokens: -1 }), bearer(key));
  await ask('POST', '/v1/chat/completions', chatBody(spoken), bearer(limited.key as string));

  await ask(
    'POST',
    '/v1/chat/completions',
    `{"model":"m","messages":[{"role":"user","content":"${secrets.prompt}"`,
    bearer(key),
  );
  await ask('POST', '/key/generate', `{"key":"${secrets.adminValue}",`, master);
  for (const bad of ['guess', 'shapelessGuess', 'deletedKey', 'replacedKey']) {
    for (const headers of [
      bearer(secrets[bad]),
      { 'x-api-key': secrets[bad] ?? '' },
      { authorization: secrets[bad] ?? '' },
      { cookie: `token=${secrets[bad]}` },
    ]) {
      await ask('POST', '/v1/chat/completions', chatBody(spoken), headers);
      await ask('GET', '/key/list', undefined, headers);
    }
  }
  await ask('GET', `/v1beta/models/m:generateContent?key=${secrets.queryKey}`, undefined, {});
  await ask('GET', `/key/info?key=${secrets.guess}`, undefined, master);
  await ask('GET', `/nowhere/${secrets.queryKey}?token=${secrets.queryKey}`, undefined, {
    'x-custom': secrets.customHeader ?? '',
  });
  await ask('GET', `/key/list?page=${secrets.shapelessGuess}`, undefined, master);
  await ask('GET', `/health/readiness?x=${secrets.shapelessGuess}`, undefined, {});
  await ask('POST', '/key/generate', { key: key, metadata: { a: 1 } }, master);
  await ask('POST', '/key/generate', { key: secrets.masterKey }, master);
  await ask('POST', '/key/update', { key: secrets.guess, max_budget: 1 }, master);
  await ask(
    'POST',
    '/key/generate',
    { max_budget: secrets.adminValue, models: { [secrets.adminValue ?? '']: 1 } },
    master,
  );
  await ask('GET', '/key/info', undefined, bearer(key));
  await ask('GET', '/key/list?return_full_object=true', undefined, master);
  await ask('GET', '/spend/logs', undefined, master);
  await ask('GET', '/v1/models', undefined, bearer(key));
  answers.push(
    (
      await sendRaw(product.port, [
        `GET /${secrets.queryKey} HTTP/9.9\r\nauthorization: Bearer ${key}\r\n\r\n`,
      ])
    ).text,
  );
  answers.push(
    (
      await sendRaw(product.port, [
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\nauthorization: Bearer ${secrets.guess}\r\ncontent-length: 0\r\n\r\n`,
      ])
    ).text,
  );
  return answers;
}
