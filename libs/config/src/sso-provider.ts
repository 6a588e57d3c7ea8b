import { Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import { readRoleMapping, type RoleMapping } from './role-mapping.js';

export type SsoProviderName = 'google' | 'microsoft' | 'generic';

/** Which claim says what. Dotted paths; in order where a field has several. */
export interface IdentityClaims {
  readonly id: readonly string[];
  readonly email: readonly string[];
  readonly displayName: readonly string[];
  readonly firstName: readonly string[];
  readonly lastName: readonly string[];
  readonly role: readonly string[];
}

/** The OpenID provider people sign in at. There is one at a time: Google, else Microsoft, else the generic one (contract/auth 5.3). */
export interface SsoProvider {
  readonly name: SsoProviderName;
  readonly clientId: string;
  readonly clientSecret?: Secret;
  /** How the secret travels to the token endpoint: in a header, or in the form (`GENERIC_INCLUDE_CLIENT_ID`). */
  readonly secretIn: 'header' | 'form';
  /** Whose discovery document counts. Absent: found from the token endpoint. */
  readonly issuer?: string;
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  /** Absent: what the discovery document says, where there is one. */
  readonly userInfoEndpoint?: string;
  readonly scope: string;
  /** Sent with every request to the provider (`GENERIC_SSO_HEADERS`). */
  readonly headers: Readonly<Record<string, Secret>>;
  readonly claims: IdentityClaims;
  /** Claims that the operator's own function is shown under their names (`GENERIC_USER_EXTRA_ATTRIBUTES`). */
  readonly extraClaims?: readonly string[];
  /** The claim that names the provider behind the provider. */
  readonly providerClaim?: string;
  /** Claims of the access token count too, where it is a JWT (`GENERIC_INCLUDE_TOKEN_CLAIMS`). */
  readonly readsAccessToken: boolean;
  readonly roleMapping?: RoleMapping;
  /** Microsoft Graph, asked for groups. */
  readonly graph?: { readonly endpoint: string; readonly servicePrincipalId?: string };
  /** Variables that are missing: sign-in is refused naming the first. */
  readonly missing: readonly string[];
}

const GOOGLE_ISSUER = 'https://accounts.google.com';
const MICROSOFT_LOGIN = 'https://login.microsoftonline.com';
const GRAPH = 'https://graph.microsoft.com/v1.0';
/** Anybody with a Microsoft account is somebody there, under names that his own tenant's administrator chose. */
const SHARED_TENANTS: ReadonlySet<string> = new Set(['common', 'organizations', 'consumers']);

/** The one provider that is configured, if any. */
export function readProvider(environment: Environment, findings: Findings): SsoProvider | undefined {
  const ids = {
    google: environment.get('GOOGLE_CLIENT_ID'),
    microsoft: environment.get('MICROSOFT_CLIENT_ID'),
    generic: environment.get('GENERIC_CLIENT_ID'),
  };
  const present = (['google', 'microsoft', 'generic'] as const).filter((name) => ids[name] !== undefined);
  const [name, ...others] = present;
  if (name === undefined) return undefined;
  for (const other of others)
    findings.notice(`${other.toUpperCase()}_CLIENT_ID`, `does nothing while ${name} is the provider`);
  const clientId = ids[name] ?? '';
  const provider =
    name === 'google'
      ? google(environment, clientId)
      : name === 'microsoft'
        ? microsoft(environment, clientId, findings)
        : generic(environment, clientId, findings);
  for (const variable of provider.missing)
    findings.notice(variable, `is not set: nobody can sign in with ${name}`);
  const urls = [
    provider.issuer,
    provider.authorizationEndpoint,
    provider.tokenEndpoint,
    provider.userInfoEndpoint,
    provider.graph?.endpoint,
  ];
  for (const url of urls) if (url !== undefined) assertSafe(url, name, findings);
  return provider;
}

/** Secrets and identities travel there: in clear only to this machine itself. */
function assertSafe(url: string, name: SsoProviderName, findings: Findings): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(parsed?.hostname ?? '');
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isHere)) return;
  findings.error(`${name.toUpperCase()}_*`, `an address of the identity provider is not an https:// URL`);
}

function google(environment: Environment, clientId: string): SsoProvider {
  return {
    name: 'google',
    ...client(environment, 'GOOGLE', clientId),
    secretIn: 'form',
    issuer: environment.get('GOOGLE_ISSUER') ?? GOOGLE_ISSUER,
    scope: 'openid email profile',
    headers: {},
    claims: {
      id: ['sub'],
      email: ['email'],
      displayName: ['name'],
      firstName: ['given_name'],
      lastName: ['family_name'],
      role: [],
    },
    readsAccessToken: false,
    missing: missing(environment, 'GOOGLE_CLIENT_SECRET'),
  };
}

function microsoft(environment: Environment, clientId: string, findings: Findings): SsoProvider {
  const named = (field: string, ...usual: string[]): string[] => {
    const own = environment.get(`MICROSOFT_USER_${field}_ATTRIBUTE`);
    return own === undefined ? usual : [own, ...usual];
  };
  const tenant = environment.get('MICROSOFT_TENANT');
  if (tenant !== undefined && SHARED_TENANTS.has(tenant.toLowerCase()))
    findings.error(
      'MICROSOFT_TENANT',
      `${tenant} admits everybody who has a Microsoft account, with e-mail addresses nobody has checked; name your own tenant`,
    );
  const principal = environment.get('MICROSOFT_SERVICE_PRINCIPAL_ID');
  const endpoint = environment.get('MICROSOFT_GRAPH_ENDPOINT') ?? GRAPH;
  return {
    name: 'microsoft',
    ...client(environment, 'MICROSOFT', clientId),
    secretIn: 'form',
    issuer: environment.get('MICROSOFT_ISSUER') ?? `${MICROSOFT_LOGIN}/${tenant ?? 'unknown'}/v2.0`,
    ...endpoints(environment, 'MICROSOFT'),
    userInfoEndpoint: environment.get('MICROSOFT_USERINFO_ENDPOINT') ?? `${endpoint}/me`,
    scope: 'openid profile email User.Read',
    headers: {},
    claims: {
      id: named('ID', 'id', 'oid'),
      email: named('EMAIL', 'userPrincipalName', 'mail'),
      displayName: named('DISPLAY_NAME', 'displayName'),
      firstName: named('FIRST_NAME', 'givenName'),
      lastName: named('LAST_NAME', 'surname'),
      role: ['app_roles', 'roles'],
    },
    readsAccessToken: false,
    graph: { endpoint, ...(principal === undefined ? {} : { servicePrincipalId: principal }) },
    missing: missing(environment, 'MICROSOFT_CLIENT_SECRET', 'MICROSOFT_TENANT'),
  };
}

function generic(environment: Environment, clientId: string, findings: Findings): SsoProvider {
  const claim = (field: string, usual: string): string[] => [
    environment.get(`GENERIC_USER_${field}_ATTRIBUTE`) ?? usual,
  ];
  const issuer = environment.get('GENERIC_ISSUER');
  const scope = environment.get('GENERIC_SCOPE') ?? 'openid email profile';
  if (environment.get('GENERIC_CLIENT_STATE') !== undefined)
    findings.notice('GENERIC_CLIENT_STATE', 'does nothing: each sign-in has a state of its own');
  const mapping = readRoleMapping(environment, findings);
  const extraClaims = environment.list('GENERIC_USER_EXTRA_ATTRIBUTES');
  return {
    name: 'generic',
    ...client(environment, 'GENERIC', clientId),
    secretIn: environment.flag('GENERIC_INCLUDE_CLIENT_ID', findings) === true ? 'form' : 'header',
    ...(issuer === undefined ? {} : { issuer }),
    ...endpoints(environment, 'GENERIC'),
    scope: /(?:^|\s)openid(?:\s|$)/.test(scope) ? scope : `openid ${scope}`,
    headers: readHeaders(environment.list('GENERIC_SSO_HEADERS') ?? [], findings),
    claims: {
      id: claim('ID', 'preferred_username'),
      email: claim('EMAIL', 'email'),
      displayName: claim('DISPLAY_NAME', 'sub'),
      firstName: claim('FIRST_NAME', 'first_name'),
      lastName: claim('LAST_NAME', 'last_name'),
      role: claim('ROLE', 'role'),
    },
    providerClaim: environment.get('GENERIC_USER_PROVIDER_ATTRIBUTE') ?? 'provider',
    readsAccessToken: environment.flag('GENERIC_INCLUDE_TOKEN_CLAIMS', findings) ?? false,
    ...(mapping === undefined ? {} : { roleMapping: mapping }),
    ...(extraClaims === undefined ? {} : { extraClaims }),
    missing:
      issuer === undefined
        ? missing(
            environment,
            'GENERIC_AUTHORIZATION_ENDPOINT',
            'GENERIC_TOKEN_ENDPOINT',
            'GENERIC_USERINFO_ENDPOINT',
          )
        : [],
  };
}

function client(
  environment: Environment,
  prefix: string,
  clientId: string,
): Pick<SsoProvider, 'clientId' | 'clientSecret'> {
  const secret = environment.get(`${prefix}_CLIENT_SECRET`);
  return { clientId, ...(secret === undefined ? {} : { clientSecret: new Secret(secret) }) };
}

function endpoints(
  environment: Environment,
  prefix: string,
): Pick<SsoProvider, 'authorizationEndpoint' | 'tokenEndpoint' | 'userInfoEndpoint'> {
  const authorizationEndpoint = environment.get(`${prefix}_AUTHORIZATION_ENDPOINT`);
  const tokenEndpoint = environment.get(`${prefix}_TOKEN_ENDPOINT`);
  const userInfoEndpoint = environment.get(`${prefix}_USERINFO_ENDPOINT`);
  return {
    ...(authorizationEndpoint === undefined ? {} : { authorizationEndpoint }),
    ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }),
    ...(userInfoEndpoint === undefined ? {} : { userInfoEndpoint }),
  };
}

function missing(environment: Environment, ...names: readonly string[]): string[] {
  return names.filter((name) => environment.get(name) === undefined);
}

/** `k=v,k=v`. */
function readHeaders(pairs: readonly string[], findings: Findings): Record<string, Secret> {
  const headers: Record<string, Secret> = {};
  for (const pair of pairs) {
    const [, name, value] = /^([A-Za-z0-9-]+)\s*=\s*(.+)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined)
      findings.error('GENERIC_SSO_HEADERS', 'expected name=value pairs with commas between');
    else headers[name.toLowerCase()] = new Secret(value);
  }
  return headers;
}
