import { join } from 'node:path';
import { FakeProvider } from './fake-provider.js';
import { MASTER_KEY, Product } from './product.js';
import { type CurlAnswer, Shell } from './shell.js';

// The lines people copy from the security guide and the team guide, run as they are written there: no Content-Type where
// the guide sends none, DELETE with a body, 0.0.0.0 as the host. Only the host, the keys and the comments inside the JSON
// are replaced, as the guides tell their readers to. The guides' lines that ask an identity provider for a JWT, and call
// with it, belong to the sign-in issue; here it is promised that their configuration is refused rather than half-honoured.

/** The guide's own settings, in its own spelling; around them only what a test needs: where the models are. */
const guideConfig = (apiBase: string) => `
model_list:
${['gpt-3.5-turbo', 'shin-llama-8b', 'shin-llama-70b', 'shin-llama-405b']
  .map(
    (name) =>
      `  - model_name: ${name}\n    litellm_params: { model: openai/${name}, api_key: os.environ/OPENAI_API_KEY, api_base: "${apiBase}" }`,
  )
  .join('\n')}
  - model_name: gpt-4
    litellm_params:
      model: gpt-4
      api_key: os.environ/OPENAI_API_KEY
      api_base: "${apiBase}"
      rpm: 4             # This model: few req/min
      tpm: 50000         # This model: 50K tok/min
  - model_name: internal-only-model
    litellm_params:
      model: gpt-4
      api_key: os.environ/OPENAI_API_KEY
      api_base: "${apiBase}"
      allowed_keys: ["admin-key-1", "internal-key-2"]
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  allowed_ips:
    - "127.0.0.1"           # Localhost
    - "10.0.0.0/8"          # Internal network
    - "192.168.1.100"       # Specific IP
  cors_origin:
    - "https://yourdomain.com"
    - "https://app.yourdomain.com"
  log_level: "INFO"
  json_logs: true
  database_url: "sqlite:///litellm.db"
litellm_settings:
  rpm: 1000              # Requests per minute
  tpm: 100000            # Tokens per minute
  set_verbose: true
  drop_params: true      # Drop unknown parameters
  max_tokens: 4000       # Global max
`;

/** The product as the guide sets it up, and a terminal beside it. */
export interface Guide {
  readonly product: Product;
  readonly provider: FakeProvider;
  readonly shell: Shell;
  /** A line of a guide, with this product's host and keys in it and without the comments that JSON cannot have. */
  run(line: string, keys?: Readonly<Record<string, string>>): Promise<CurlAnswer>;
  /** A chat call with this key. */
  ask(model: string, key: string, more?: object): Promise<Response>;
  dispose(): Promise<void>;
}

export async function startGuide(): Promise<Guide> {
  const shell = new Shell();
  const provider = await FakeProvider.start({ promptTokens: 10, completionTokens: 5 });
  const product = await Product.start({
    config: guideConfig(provider.url),
    env: { OPENAI_API_KEY: 'sk-of-the-provider', LOG_FILE: join(shell.folder, 'gateway.log') },
  });
  return {
    product,
    provider,
    shell,
    run(line, keys = {}) {
      let text = line
        .replace(/http:\/\/(?:localhost|0\.0\.0\.0):4000/, product.url)
        .replace('YOUR_MASTER_KEY', MASTER_KEY)
        .replace('<admin-token>', MASTER_KEY)
        .replace(/(["\],\d])[ \t]+# .*$/gmu, '$1');
      for (const [name, key] of Object.entries(keys)) text = text.replace(name, key);
      return shell.curl(text);
    },
    ask: (model, key, more = {}) =>
      product.request(
        'POST',
        '/v1/chat/completions',
        { model, messages: [{ role: 'user', content: 'hi' }], ...more },
        key,
      ),
    async dispose() {
      await product.dispose();
      await provider.stop();
      shell.dispose();
    },
  };
}
