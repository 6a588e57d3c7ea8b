import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-guides-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the guides’ other settings', () => {
  const check = (yaml: string) => {
    writeFileSync(join(folder, 'snippet.yaml'), `model_list: []\n${yaml}`);
    return runTollgate(['config', 'check', 'snippet.yaml'], { cwd: folder });
  };

  it.each([
    ['a key in the file', 'general_settings: { master_key: "sk-hardcoded-key-123" }'],
    ['every origin', 'general_settings: { cors_origin: "*" }'],
    [
      'PostgreSQL over TLS',
      'general_settings: { database_url: "postgresql://user:pass@localhost/litellm?sslmode=require" }',
    ],
    ['logs without personal data', 'general_settings: { anonymize_logs: true, data_retention_days: 30 }'],
    [
      'JWT sign-in',
      'general_settings: { enable_jwt_auth: True, litellm_jwtauth: { admin_jwt_scope: "litellm-proxy-admin" } }',
    ],
    [
      'JWT routes and teams',
      'general_settings: { enable_jwt_auth: True, litellm_jwtauth: { admin_allowed_routes: ["/v1/embeddings"], team_id_jwt_field: "client_id", public_key_ttl: 600, user_allowed_email_domain: "my-co.com", user_id_upsert: true } }',
    ],
    [
      'flat JWT settings',
      'general_settings: { enable_jwt_auth: true, jwt_public_key_url: "https://your-domain.com/jwks.json", jwt_audience: a, jwt_admin_scope: s }',
    ],
    [
      'OAuth2',
      'general_settings: { enable_oauth2_auth: true, oauth_token_info_endpoint: "https://o.example", oauth_client_id: i, oauth_client_secret: s }',
    ],
    [
      'OAuth2 proxy headers',
      'general_settings: { enable_oauth2_proxy_auth: true, trusted_proxy_ranges: ["127.0.0.1"], oauth2_config_mappings: { user_id: X-Goog-Authenticated-User-ID, user_email: X-Goog-Authenticated-User-Email, max_budget: X-Custom-Budget, models: X-Custom-Models } }',
    ],
  ])('understands %s', async (_name, yaml) => {
    const report = await check(yaml);
    expect(report.output).toMatch(/is understood/);
    expect(report.output).not.toMatch(/unknown|unsupported|pass@|sk-hardcoded/);
  });

  it('names the module that custom authentication needs, and the proxy that may set identity headers', async () => {
    const custom = await check('general_settings: { custom_auth: "path.to.your.custom_auth_function" }');
    expect(custom.exitCode).toBe(1);
    expect(custom.output).toMatch(/no such module: looked for path\/to\/your\.mjs/);
    const headers = await check(
      'general_settings: { enable_oauth2_proxy_auth: true, oauth2_config_mappings: { user_email: X-User } }',
    );
    expect(headers.exitCode).toBe(1);
    expect(headers.output).toMatch(/trusted_proxy_ranges: \["127\.0\.0\.1"\]/);
  });
});
