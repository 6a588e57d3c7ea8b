import { describe, expect, it } from 'vitest';
import { type Endpoint, Secret } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { headersToForward, requestTarget, withForwarded } from './request-target.js';
import { testDeployment } from './test-deployment.harness.js';

const key = { apiKey: new Secret('secret-key') };

describe('where a call goes', () => {
  it.each<[Partial<Deployment>, Endpoint, string]>([
    [{ apiBase: 'https://api.openai.com/v1' }, 'chat', 'https://api.openai.com/v1/chat/completions'],
    [{ apiBase: 'https://api.perplexity.ai' }, 'chat', 'https://api.perplexity.ai/chat/completions'],
    [{ apiBase: 'http://h:1/v1' }, 'embeddings', 'http://h:1/v1/embeddings'],
    [
      { provider: 'azure', apiBase: 'https://a.azure.com', apiVersion: '2024-01-01' },
      'chat',
      'https://a.azure.com/openai/deployments/my%20m/chat/completions?api-version=2024-01-01',
    ],
    [
      { provider: 'azure', apiBase: 'https://a.azure.com/openai/deployments/x', apiVersion: 'v' },
      'embeddings',
      'https://a.azure.com/openai/deployments/x/embeddings?api-version=v',
    ],
    [
      { provider: 'azure', apiBase: 'https://a.azure.com/openai/v1' },
      'responses',
      'https://a.azure.com/openai/v1/responses',
    ],
    [
      { provider: 'azure', apiBase: 'https://a.azure.com', apiVersion: 'v' },
      'responses',
      'https://a.azure.com/openai/responses?api-version=v',
    ],
    [
      { wire: 'anthropic', provider: 'anthropic', apiBase: 'https://api.anthropic.com' },
      'messages',
      'https://api.anthropic.com/v1/messages',
    ],
    [
      { wire: 'anthropic', provider: 'anthropic', apiBase: 'https://h/x/v1' },
      'messages',
      'https://h/x/v1/messages',
    ],
  ])('%j %s', (change, endpoint, url) => {
    const { origin, path } = requestTarget(testDeployment(change), endpoint, 'my m');
    expect(origin + path).toBe(url);
  });

  /** Attack: a model called `..` behind a wildcard climbs out of the deployments' folder. */
  it('never leaves the deployment’s folder', () => {
    const azure = testDeployment({ provider: 'azure', apiBase: 'https://a.azure.com', apiVersion: 'v' });
    for (const name of ['..', '../x', '.'])
      expect(requestTarget(azure, 'chat', name).path).toMatch(
        /^\/openai\/deployments\/(?!\.+\/)[^/]+\/chat\/completions\?/,
      );
  });

  it.each<[Partial<Deployment>, Endpoint, string[]]>([
    [{}, 'chat', ['authorization', 'Bearer secret-key']],
    [{ provider: 'azure' }, 'chat', ['api-key', 'secret-key']],
    [{ provider: 'azure', apiKey: new Secret('eyJ.token') }, 'chat', ['authorization', 'Bearer eyJ.token']],
    [{ wire: 'anthropic', provider: 'anthropic' }, 'messages', ['x-api-key', 'secret-key']],
    [{ extraHeaders: { authorization: 'Custom x' } }, 'chat', ['authorization', 'Custom x']],
    [
      { organization: 'org-1' },
      'chat',
      ['authorization', 'Bearer secret-key', 'openai-organization', 'org-1'],
    ],
  ])('identifies us by %j', (change, endpoint, headers) => {
    expect(requestTarget(testDeployment({ ...key, ...change }), endpoint, 'm').headers.slice(4)).toEqual(
      headers,
    );
  });
});

describe('headers of the caller', () => {
  const raw = [
    'Authorization',
    'Bearer sk-caller',
    'X-Api-Key',
    'sk-caller',
    'X-Trace',
    't',
    'X-Stainless-Os',
    'l',
    'x-litellm-tags',
    'a',
    'anthropic-beta',
    'b',
    'anthropic-version',
    'v',
    'OpenAI-Organization',
    'o',
    'X-Company-Key',
    'sk-caller',
    'Cookie',
    'c',
  ];
  const off = { forwardClientHeaders: false, forwardOpenAiOrganization: false };
  const anthropic = testDeployment({ wire: 'anthropic', provider: 'anthropic' });

  it('stay here, except what the wire or the operator wants', () => {
    expect(headersToForward(testDeployment(), raw, off)).toEqual([]);
    expect(headersToForward(anthropic, raw, off)).toEqual([
      ['anthropic-beta', 'b'],
      ['anthropic-version', 'v'],
    ]);
    expect(headersToForward(testDeployment(), raw, { ...off, forwardOpenAiOrganization: true })).toEqual([
      ['openai-organization', 'o'],
    ]);
  });

  /** Attack: the gateway's own credential leaks to a provider under the configured header name. */
  it('never carry a credential, forwarding on or not', () => {
    const forwarded = headersToForward(testDeployment(), raw, {
      ...off,
      forwardClientHeaders: true,
      keyHeaderName: 'x-company-key',
    });
    expect(forwarded).toEqual([
      ['x-trace', 't'],
      ['anthropic-beta', 'b'],
    ]);
  });

  it('never replace the deployment’s own', () => {
    const deployment = testDeployment({ extraHeaders: { 'x-trace': 'ours' } });
    const headers = withForwarded(requestTarget(deployment, 'chat', 'm'), deployment, [
      ['x-trace', 'theirs'],
      ['authorization', 'x'],
      ['x-new', 'n'],
    ]);
    expect(
      headers.filter((_, index) => headers[index - 1] === 'x-trace' || headers[index - 1] === 'x-new'),
    ).toEqual(['ours', 'n']);
    expect(headers).not.toContain('x');
  });
});
