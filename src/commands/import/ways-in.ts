import { Invitation, JwtKeyMapping } from '#libs/database';
import { claimId } from '#libs/tenancy';
import type { Draft, Noun } from './draft.js';
import type { Omissions } from './omissions.js';
import { authorshipOf } from './origin.js';
import type { Row, Source } from './source.js';
import { instant, text } from './values.js';

/** Which keys signed tokens stand for. */
export function keyMappings(
  source: Source,
  omissions: Omissions,
  idOfHash: (tokenHash: string) => string | undefined,
): Noun {
  const drafts = source.rows('JWTKeyMapping').flatMap((row): Draft[] => {
    const id = String(row['id']);
    const [name, value] = [String(row['jwt_claim_name']), String(row['jwt_claim_value'])];
    const keyId = idOfHash(String(row['token']).toLowerCase());
    if (keyId === undefined) {
      omissions.of('mappings of tokens', `${name}=${value}`)('the key is not there');
      return [];
    }
    return [
      {
        id,
        name: `${name}=${value}`,
        identity: { id },
        columns: { keyId, description: text(row['description']) },
        once: {
          jwtIssuer: text(row['jwt_issuer']) ?? '',
          jwtClaimName: name,
          jwtClaimValue: value,
          isActive: row['is_active'] !== false,
          ...authorshipOf(row),
        },
        told: [claimId(name, value)],
      },
    ];
  });
  return {
    label: 'mappings of tokens', change: 'jwt_key_mapping', entity: JwtKeyMapping, drafts, idOf: (row) => String(row['id']),
  }; // prettier-ignore
}

/** A claim stands for one key, whatever id its mapping has here. */
export function claimOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([row['jwtIssuer'], row['jwtClaimName'], row['jwtClaimValue']]);
}

/**
 * Links that can still be used, the last of each person: what was mailed goes on working. A link's id is its secret, so reports and
 * audit rows name the person instead; whose invitation was deleted here does not get another.
 */
export function invitations(
  source: Source,
  omissions: Omissions,
  knows: (userId: string) => boolean,
  now: Date,
): Noun {
  const latest = new Map<string, { readonly row: Row; readonly expiresAt: Date }>();
  for (const row of source.rows('InvitationLink')) {
    const userId = String(row['user_id']);
    const expiresAt = instant(row['expires_at']);
    if (row['is_accepted'] === true || expiresAt === null || expiresAt <= now) continue;
    const note = omissions.of('invitations', userId);
    if (!knows(userId)) note('the user is not there');
    else if (!latest.has(userId)) latest.set(userId, { row, expiresAt });
    else {
      note('the last of several is taken');
      if ((latest.get(userId)?.expiresAt ?? now) < expiresAt) latest.set(userId, { row, expiresAt });
    }
  }
  const drafts = [...latest].map(([userId, { row, expiresAt }]): Draft => {
    const once = { userId, expiresAt, ...authorshipOf(row) };
    return { id: userId, name: userId, identity: { id: String(row['id']) }, columns: {}, once };
  });
  return {
    label: 'invitations', change: 'invitation', entity: Invitation, drafts, idOf: (row) => String(row['userId']),
  }; // prettier-ignore
}
