import type { EntityManager } from 'typeorm';

export interface Subject {
  readonly kind: 'user' | 'customer';
  readonly id: string;
  /** Everything that names the person: its ids, addresses and the names of its keys. */
  readonly terms: readonly string[];
  readonly keys: readonly { readonly id: string; readonly hash: string }[];
}

/** All that is known of who it is. A person nobody has a row for is one too: calls may have named it. */
export async function findSubject(
  manager: Pick<EntityManager, 'query'>,
  kind: Subject['kind'],
  id: string,
): Promise<Subject> {
  if (kind === 'customer') {
    const [row]: { alias: string | null }[] = await manager.query(
      'SELECT alias FROM customers WHERE id = $1',
      [id],
    );
    return { kind, id, terms: named([id, row?.alias]), keys: [] };
  }
  const [user]: { email: string | null; alias: string | null; sso_user_id: string | null }[] =
    await manager.query('SELECT email, alias, sso_user_id FROM users WHERE id = $1', [id]);
  const [provisioned]: { user_name: string; external_id: string | null }[] = await manager.query(
    'SELECT user_name, external_id FROM scim_users WHERE user_id = $1',
    [id],
  );
  const keys: { id: string; hash: string; alias: string | null; label: string | null }[] =
    await manager.query(
      `SELECT id, token_hash AS hash, alias, label FROM virtual_keys WHERE user_id = $1
     UNION ALL SELECT id, token_hash, "row" ->> 'alias', "row" ->> 'label' FROM archived_keys WHERE "row" ->> 'user_id' = $1`,
      [id],
    );
  return {
    kind,
    id,
    terms: named([
      id,
      user?.email,
      user?.alias,
      user?.sso_user_id,
      provisioned?.user_name,
      provisioned?.external_id,
      ...keys.flatMap(({ alias, label }) => [alias, label]),
    ]),
    keys: keys.map(({ id: keyId, hash }) => ({ id: keyId, hash })),
  };
}

function named(terms: readonly (string | null | undefined)[]): string[] {
  return [...new Set(terms.filter((term): term is string => typeof term === 'string' && term !== ''))];
}
