import { GatewayError } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { EncryptionKey } from '../entities/index.js';
import type { EncryptionKeySource } from './encryption-key-source.js';
import {
  dataKeyOf,
  type NamedKey,
  newDataKey,
  openValue,
  sealValue,
  unwrapKey,
  wrapKey,
} from './envelope.js';
import { placeOf, SECRET_COLUMNS, type SecretColumnName } from './secret-column.js';

/**
 * Secrets at rest. Each value is sealed with a data key (AES-256-GCM), for its table, column and row; data keys lie in the
 * database, wrapped by the installation's encryption key, which does not. Whoever has only a dump has nothing.
 */
export class SecretColumns {
  /** Data keys never change under their name, so what was unwrapped once stays good. */
  readonly #unwrapped = new Map<string, NamedKey>();

  constructor(private readonly source: EncryptionKeySource) {}

  /**
   * Seals a value for one row, in the transaction that writes it: until that ends, a rotation waits, so no value is left
   * behind with an old key. Throws `secrets.key_missing` when this installation has no encryption key.
   */
  async seal(
    manager: EntityManager,
    column: SecretColumnName,
    rowId: string,
    plain: string,
  ): Promise<string> {
    return sealValue(await this.#active(manager), placeOf(SECRET_COLUMNS[column], rowId), plain);
  }

  /** Throws `secrets.unreadable` when the value was sealed with a key that is not here, belongs to another row, or was changed. */
  async open(
    manager: EntityManager,
    column: SecretColumnName,
    rowId: string,
    sealed: string,
  ): Promise<string> {
    const place = placeOf(SECRET_COLUMNS[column], rowId);
    try {
      return openValue(await this.#named(manager, dataKeyOf(sealed)), place, sealed);
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw unreadable(`${place} does not open`, cause);
    }
  }

  /**
   * Makes a new data key the one that seals; the others are only read from then on. Waits for the writes under way. A
   * rotation that was begun with today's encryption key and not finished is left as it is. Does nothing where nothing was ever sealed.
   */
  async startRotation(manager: EntityManager): Promise<void> {
    const rows = await manager.find(EncryptionKey);
    if (rows.length === 0) return;
    const active = rows.find((row) => row.active);
    const isUnfinished = rows.length > 1 && active?.wrappedBy === this.source.current()?.id;
    if (isUnfinished) return;
    await manager.query('UPDATE encryption_keys SET active = false WHERE active');
    await this.#make(manager);
  }

  /** Throws when some data key cannot be unwrapped: started like this, everything secret would look damaged. */
  async assertReadable(manager: EntityManager): Promise<void> {
    const rows = await manager.find(EncryptionKey);
    for (const row of rows) this.#unwrap(row);
  }

  async #active(manager: EntityManager): Promise<NamedKey> {
    // A shared lock: a rotation that retires the key waits for us, and the other way round.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const rows: EncryptionKey[] = await manager.query(
        `SELECT id, wrapped, wrapped_by AS "wrappedBy" FROM encryption_keys WHERE active FOR SHARE`,
      );
      if (rows[0]) return this.#unwrap(rows[0]);
      await this.#make(manager);
    }
    throw unreadable('no data key could be made active');
  }

  async #make(manager: EntityManager): Promise<void> {
    const encryptionKey = this.source.current();
    if (!encryptionKey) {
      throw new GatewayError(
        'secrets.key_missing',
        'A secret cannot be stored yet: set LITELLM_SALT_KEY (openssl rand -hex 32) on every process, keep it safe, and start again.',
      );
    }
    const dataKey = newDataKey();
    // Of two makers one wins; both then read the winner's.
    await manager.query(
      `INSERT INTO encryption_keys (id, wrapped, wrapped_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [dataKey.id, wrapKey(dataKey, encryptionKey), encryptionKey.id],
    );
  }

  async #named(manager: EntityManager, id: string | undefined): Promise<NamedKey> {
    if (id === undefined) throw unreadable('the value is not sealed by this product');
    const known = this.#unwrapped.get(id);
    if (known) return known;
    const row = await manager.findOneBy(EncryptionKey, { id });
    if (!row) throw unreadable(`the data key ${id} is gone`);
    return this.#unwrap(row);
  }

  #unwrap({ id, wrapped, wrappedBy }: Pick<EncryptionKey, 'id' | 'wrapped' | 'wrappedBy'>): NamedKey {
    const known = this.#unwrapped.get(id);
    if (known) return known;
    const encryptionKey = this.source.named(wrappedBy);
    if (!encryptionKey) {
      throw unreadable(
        `stored secrets are sealed with another encryption key (${wrappedBy}): give it back as LITELLM_SALT_KEY, or as LITELLM_SALT_KEY_PREVIOUS until "tollgate secrets rotate" is done`,
      );
    }
    const dataKey = unwrapKey(id, wrapped, encryptionKey);
    this.#unwrapped.set(id, dataKey);
    return dataKey;
  }
}

function unreadable(internal: string, cause?: unknown): GatewayError {
  return new GatewayError('secrets.unreadable', 'A stored secret cannot be read.', {
    internal,
    ...(cause === undefined ? {} : { cause }),
  });
}
