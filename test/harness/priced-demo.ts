/** A model that answers by itself, at a price. */
export const MODEL = {
  model_name: 'demo',
  litellm_params: {
    model: 'openai/x',
    mock_response: 'hi',
    input_cost_per_token: 1e-6,
    output_cost_per_token: 1e-6,
  },
};
export const CHAT = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };
/** The same of a second model, for those who may not have it. */
export const DEAR = { ...CHAT, model: 'dear' };

/** One request with a bearer to the product at `url`: a chat unless told, a GET where the body is null. */
export async function callAs(
  url: string,
  token: string,
  path = '/v1/chat/completions',
  body: object | null = CHAT,
) {
  const response = await fetch(url + path, {
    method: body === null ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into answers freely
  return { status: response.status, text, json: JSON.parse(text) as any };
}
