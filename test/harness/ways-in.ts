import { hash, randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { Session } from '#libs/database';
import type { IdentityProvider } from './identity-provider.js';
import type { Rights } from './policy-cases.js';
import type { Product } from './product.js';

/** Headers that make a request somebody's. */
export type Headers = Readonly<Record<string, string>>;

export const WAYS_IN = ['virtual key', 'JWT', 'OAuth2', 'proxy headers', 'session', 'custom auth'] as const;
export type WayIn = (typeof WAYS_IN)[number];

/** The configuration of a product with every way in switched on, against this identity provider. */
export function everyWayIn(provider: IdentityProvider): {
  env: Record<string, string>;
  files: Record<string, string>;
  settings: Record<string, unknown>;
} {
  return {
    env: {
      JWT_PUBLIC_KEY_URL: provider.keysUrl,
      OAUTH_CLIENT_ID: 'tollgate',
      OAUTH_CLIENT_SECRET: 'a secret',
    },
    files: {
      'badges.mjs': `
export async function authenticate(request, key) {
  if (!key.startsWith('badge:')) return null;
  const [, user, team, customer] = key.split(':');
  return { user_id: user, team_id: team || undefined, end_user_id: customer || undefined };
}
`,
    },
    settings: {
      custom_auth: './badges.mjs:authenticate',
      enable_jwt_auth: true,
      litellm_jwtauth: {
        user_id_jwt_field: 'sub',
        team_ids_jwt_field: 'groups',
        end_user_id_jwt_field: 'customer',
      },
      enable_oauth2_auth: true,
      oauth_token_info_endpoint: `${provider.issuer}/introspect`,
      oauth_user_id_field_name: 'sub',
      oauth_user_team_id_field_name: 'team',
      enable_oauth2_proxy_auth: true,
      trusted_proxy_ranges: ['127.0.0.1/32'],
      oauth2_config_mappings: { user_id: 'X-Proxy-User', team_id: 'X-Proxy-Team' },
    },
  };
}

/** Signs the same person in by each way. */
export class WaysIn {
  constructor(
    private readonly product: Product,
    private readonly provider: IdentityProvider,
    private readonly database: DataSource,
  ) {}

  async signIn(way: WayIn, rights: Rights, name: string): Promise<Headers> {
    const { userId, teamId } = rights;
    switch (way) {
      case 'virtual key':
        return bearer(
          await this.product.makeKey({
            user_id: userId,
            ...(teamId === undefined ? {} : { team_id: teamId }),
          }),
        );
      case 'JWT':
        return bearer(
          await this.provider.token({ sub: userId, ...(teamId === undefined ? {} : { groups: [teamId] }) }),
        );
      case 'OAuth2': {
        const token = `opaque-${name}`;
        this.provider.opaque.set(token, { sub: userId, ...(teamId === undefined ? {} : { team: teamId }) });
        return bearer(token);
      }
      case 'proxy headers':
        return { 'x-proxy-user': userId, ...(teamId === undefined ? {} : { 'x-proxy-team': teamId }) };
      case 'session':
        return bearer(await this.#session(userId, teamId));
      case 'custom auth':
        return bearer(`badge:${userId}:${teamId ?? ''}`);
    }
  }

  /** As signing in by a browser leaves it: a row, and the text that opens it. */
  async #session(userId: string, teamId: string | undefined): Promise<string> {
    const token = `tollgate_cli_${randomBytes(32).toString('base64url')}`;
    const end = new Date(Date.now() + 3_600_000);
    await this.database.getRepository(Session).insert({
      id: `session_${randomBytes(8).toString('hex')}`,
      tokenHash: hash('sha256', token),
      kind: 'cli',
      userId,
      teamId: teamId ?? null,
      method: 'oidc',
      proof: null,
      provenance: {},
      expiresAt: end,
      idleEndsAt: end,
    });
    return token;
  }
}

function bearer(token: string): Headers {
  return { authorization: `Bearer ${token}` };
}
