import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from './config-folder.harness.js';
import { isFileOnly } from './index.js';
import { signInSettings } from './sections/sign-in.schemas.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

const GOOGLE = { GOOGLE_CLIENT_ID: 'g', GOOGLE_CLIENT_SECRET: 's' };
const MICROSOFT = { MICROSOFT_CLIENT_ID: 'm', MICROSOFT_CLIENT_SECRET: 's', MICROSOFT_TENANT: 'my-tenant' };
const GENERIC = { GENERIC_CLIENT_ID: 'c', GENERIC_ISSUER: 'https://id.my-co.com' };

describe('the provider people sign in at', () => {
  it('is Google, else Microsoft, else the generic one', async () => {
    const nameOf = async (env: Record<string, string>) =>
      (await folder.load('', env)).signIn.sso.provider?.name;
    expect(await nameOf({ ...GENERIC, ...MICROSOFT, ...GOOGLE })).toBe('google');
    expect(await nameOf({ ...GENERIC, ...MICROSOFT })).toBe('microsoft');
    expect(await nameOf(GENERIC)).toBe('generic');
    expect(await nameOf({})).toBeUndefined();
  });

  it('says which variables are missing', async () => {
    const { provider } = (await folder.load('', { GENERIC_CLIENT_ID: 'c' })).signIn.sso;
    expect(provider?.missing).toEqual([
      'GENERIC_AUTHORIZATION_ENDPOINT',
      'GENERIC_TOKEN_ENDPOINT',
      'GENERIC_USERINFO_ENDPOINT',
    ]);
  });

  /** Whoever can read the way to the provider can sign in as anybody. */
  it.each(['http://id.my-co.com', 'id.my-co.com', 'http://localhost.evil.org'])(
    'is not asked at %s',
    async (issuer) => {
      expect(await folder.problemsOf('', { ...GENERIC, GENERIC_ISSUER: issuer })).toHaveLength(1);
    },
  );

  it('may be on this machine, for trying it', async () => {
    expect(await folder.problemsOf('', { ...GENERIC, GENERIC_ISSUER: 'http://127.0.0.1:9000' })).toEqual([]);
  });

  /** In a shared tenant anybody's own administrator writes the e-mail address of his accounts. */
  it.each(['common', 'Organizations', 'consumers'])(
    'is never everybody who has a Microsoft account (%s)',
    async (tenant) => {
      const [problem] = await folder.problemsOf('', { ...MICROSOFT, MICROSOFT_TENANT: tenant });
      expect(problem).toContain('MICROSOFT_TENANT');
    },
  );

  it.each([
    `{"proxy_admin": ["admins"], "internal_user": ["staff", "devs"]}`,
    `{'proxy_admin': ['admins'], 'internal_user': ['staff', 'devs']}`,
  ])('maps groups to roles as Python or JSON write it: %s', async (roles) => {
    const { provider } = (
      await folder.load('', {
        ...GENERIC,
        GENERIC_ROLE_MAPPINGS_ROLES: roles,
        GENERIC_ROLE_MAPPINGS_GROUP_CLAIM: 'groups',
      })
    ).signIn.sso;
    expect(provider?.roleMapping).toEqual({
      groupClaim: 'groups',
      roles: { proxy_admin: ['admins'], internal_user: ['staff', 'devs'] },
    });
  });

  it.each([
    `{"proxy_admins": ["admins"]}`,
    `{"openid": ["admins"]}`,
    `{"org_admin": ["admins"]}`,
    `{"proxy_admin": "admins"}`,
    '[',
    'admins',
  ])('refuses the mapping %s', async (roles) => {
    const problems = await folder.problemsOf('', {
      ...GENERIC,
      GENERIC_ROLE_MAPPINGS_ROLES: roles,
      GENERIC_ROLE_MAPPINGS_GROUP_CLAIM: 'groups',
    });
    expect(problems).toHaveLength(1);
  });

  it('keeps its secrets out of everything that prints', async () => {
    const { sso } = (
      await folder.load('', { ...GENERIC, GENERIC_CLIENT_SECRET: 'hush', GENERIC_SSO_HEADERS: 'x-a=hush' })
    ).signIn;
    expect(JSON.stringify(sso)).not.toContain('hush');
    expect(sso.provider?.headers['x-a']?.reveal()).toBe('hush');
  });
});

describe('who may use the admin plane', () => {
  it('is everybody, administrators, or one group', async () => {
    const accessOf = async (yaml: string) =>
      (await folder.load(`general_settings: {ui_access_mode: ${yaml}}`)).signIn.sso.access;
    expect(await accessOf('all')).toEqual({ to: 'all' });
    expect(await accessOf('admin_only')).toEqual({ to: 'admins' });
    expect(
      await accessOf('{type: restricted_sso_group, restricted_sso_group: ops, sso_group_jwt_field: groups}'),
    ).toEqual({ to: 'group', group: 'ops', claim: 'groups' });
  });

  it('is never everybody by a slip', async () => {
    expect(await folder.problemsOf('general_settings: {ui_access_mode: admins_only}')).toHaveLength(1);
    expect(
      await folder.problemsOf('general_settings: {ui_access_mode: {type: restricted_sso_group}}'),
    ).not.toEqual([]);
  });

  /** An administrator's key that leaked must not be able to name another provider, and make its next administrator there. */
  it.each([
    ['environment_variables', 'GENERIC_ISSUER'],
    ['environment_variables', 'MICROSOFT_TENANT'],
    ['environment_variables', 'GOOGLE_CLIENT_ID'],
    ['environment_variables', 'ALLOWED_EMAIL_DOMAINS'],
    ['environment_variables', 'PROXY_ADMIN_ID'],
    ['environment_variables', 'PROXY_BASE_URL'],
    ['environment_variables', 'JWT_PUBLIC_KEY_URL'],
    ['environment_variables', 'OAUTH_TOKEN_INFO_ENDPOINT'],
    ['general_settings', 'ui_access_mode'],
    ['general_settings', 'custom_sso'],
    ['general_settings', 'custom_ui_sso_sign_in_handler'],
  ])('is said in the file or the environment only: %s.%s', (section, field) => {
    expect(isFileOnly(section, field)).toBe(true);
  });

  it('does not take the variables of model providers with it', () => {
    expect(isFileOnly('environment_variables', 'GOOGLE_API_KEY')).toBe(false);
  });

  it('needs a named proxy where its headers say who somebody is', async () => {
    folder.put('sso.mjs', 'export const read = () => null;');
    const yaml = 'custom_ui_sso_sign_in_handler: ./sso.mjs:read';
    expect(await folder.problemsOf(`general_settings: {${yaml}}`)).toHaveLength(1);
    expect(await folder.problemsOf(`general_settings: {${yaml}, trusted_proxy_ranges: [127.0.0.1]}`)).toEqual(
      [],
    );
  });
});

describe('CLI_SSO_CLAIM_MAP', () => {
  it('says which claims are kept where, dots in a claim by their escape', async () => {
    const map = 'employment_type->metadata.kind, acme\\.com/org.dept -> work.department';
    for (const name of ['CLI_SSO_CLAIM_MAP', 'LITELLM_CLI_SSO_CLAIM_MAP']) {
      const { copiedClaims } = (await folder.load('', { [name]: map })).signIn.sso;
      expect(copiedClaims).toEqual([
        { from: ['employment_type'], to: ['kind'] },
        { from: ['acme.com/org', 'dept'], to: ['work', 'department'] },
      ]);
    }
  });

  /** What an identity provider says must not become a limit, a right, or somebody else's word. */
  it.each([
    'dept',
    'dept->',
    '->dept',
    'a->b->c',
    'a->__proto__.x',
    'a->constructor',
    'a->b c',
    'a->client_secret',
    'a->my.api_key',
    'a->auth_issuer',
    'a->model_rpm_limit',
    'a->allowed_passthrough_routes',
  ])('refuses the start with %s', async (map) => {
    expect(await folder.problemsOf('', { CLI_SSO_CLAIM_MAP: map })).toHaveLength(1);
  });
});

/** With one of them in the database, an administrator's key that leaked would open a door of its own, or send us anywhere to ask who somebody is. */
it('no setting of signing in can be made by API', () => {
  const settable = Object.keys(signInSettings).filter((name) => !isFileOnly('general_settings', name));
  expect(settable).toEqual([]);
  const variables = ['JWT_PUBLIC_KEY_URL', 'GENERIC_USERINFO_ENDPOINT', 'CLI_SSO_CLAIM_MAP', 'LITELLM_CLI_SSO_CLAIM_MAP', 'SAML_IDP_METADATA_URL', 'PROXY_BASE_URL', 'OAUTH_TOKEN_INFO_ENDPOINT', 'MICROSOFT_GRAPH_ENDPOINT']; // prettier-ignore
  expect(variables.filter((name) => !isFileOnly('environment_variables', name))).toEqual([]);
});
