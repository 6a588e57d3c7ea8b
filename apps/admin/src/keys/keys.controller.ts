import { HttpCode, Param } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Handles } from '#libs/rbac';
import {
  type Author,
  hashOfNamed,
  hashRawKey,
  type KeyChange,
  Keys,
  type KeySecret,
  type KeysNamed,
  SpendReader,
} from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { KeyAnswers } from './key-answers.js';
import {
  blockBody,
  type BlockBody,
  deleteBody,
  generateBody,
  type GenerateBody,
  type NamedKeysBody,
  regenerateBody,
  type RegenerateBody,
  toKeyChange,
  updateBody,
  type UpdateBody,
} from './keys.schemas.js';

/** Changes keys. Who may is decided in `Keys`; what they look like on the wire, in `KeyAnswers`. */
@AdminController()
export class KeysController {
  constructor(
    private readonly keys: Keys,
    private readonly spend: SpendReader,
    private readonly answers: KeyAnswers,
    private readonly config: Config,
  ) {}

  @Handles('POST /key/generate')
  @HttpCode(200)
  async generate(@By() author: Author, @AdminBody(generateBody) body: GenerateBody): Promise<object> {
    const settings = toKeyChange(body);
    const issued = await this.keys.generate(author, settings, secretFor(body.key, this.config, 'key'));
    return this.answers.issued(
      issued,
      { duration: settings.lifetime, label: body.key_name, blocked: body.blocked },
      0n,
    );
  }

  @Handles('POST /key/update')
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateBody) body: UpdateBody): Promise<object> {
    const { alias, ...settings } = toKeyChange(body);
    const named = body.key ? { hashes: [hashOfNamed(body.key)] } : { aliases: [body.key_alias ?? ''] };
    // Without a key the alias says which one; it is not a new name then.
    const change: KeyChange = body.key ? { alias, ...settings } : settings;
    const key = await this.keys.update(author, named, change);
    return { key: body.key ?? body.key_alias, ...this.answers.row(key, await this.#spentBy(key.id)) };
  }

  @Handles('POST /key/delete')
  @HttpCode(200)
  delete(@By() author: Author, @AdminBody(deleteBody) body: NamedKeysBody): Promise<object> {
    return this.#delete(author, body);
  }

  /** The guides' spelling of the same. */
  @Handles('DELETE /key/delete')
  deleteByMethod(@By() author: Author, @AdminBody(deleteBody) body: NamedKeysBody): Promise<object> {
    return this.#delete(author, body);
  }

  @Handles('POST /key/block')
  @HttpCode(200)
  block(@By() author: Author, @AdminBody(blockBody) body: BlockBody): Promise<object> {
    return this.#setBlocked(author, body.key, true);
  }

  @Handles('POST /key/unblock')
  @HttpCode(200)
  unblock(@By() author: Author, @AdminBody(blockBody) body: BlockBody): Promise<object> {
    return this.#setBlocked(author, body.key, false);
  }

  @Handles('POST /key/{key}/regenerate')
  @HttpCode(200)
  regenerateNamed(
    @By() author: Author,
    @Param('key') named: string,
    @AdminBody(regenerateBody) body: RegenerateBody,
  ): Promise<object> {
    return this.#regenerate(author, body.key || named, body);
  }

  /** Without a name anywhere it is the caller's own key. */
  @Handles('POST /key/regenerate')
  @HttpCode(200)
  regenerate(@By() author: Author, @AdminBody(regenerateBody) body: RegenerateBody): Promise<object> {
    const own = author.principal.key?.hash;
    const named = body.key || own;
    if (!named) throw new GatewayError('request.bad_field', 'Name the key to regenerate.', { param: 'key' });
    return this.#regenerate(author, named, body);
  }

  async #regenerate(author: Author, named: string, body: RegenerateBody): Promise<object> {
    const settings = toKeyChange(body);
    const issued = await this.keys.regenerate(
      author,
      hashOfNamed(named),
      settings,
      secretFor(body.new_key, this.config, 'new_key'),
    );
    const echo = { duration: settings.lifetime, label: body.key_name, blocked: body.blocked };
    return this.answers.issued(issued, echo, await this.#spentBy(issued.key.id));
  }

  async #delete(author: Author, body: NamedKeysBody): Promise<object> {
    const [named, sent] = namedBy(body);
    const deleted = await this.keys.delete(author, named);
    if (deleted.length === 0) throw new GatewayError('request.not_found', 'No keys found', { param: 'keys' });
    return { deleted_keys: sent };
  }

  async #setBlocked(author: Author, named: string, blocked: boolean): Promise<object> {
    const key = await this.keys.setBlocked(author, hashOfNamed(named), blocked);
    return this.answers.row(key, await this.#spentBy(key.id));
  }

  async #spentBy(keyId: string): Promise<bigint> {
    const spent = await this.spend.spendOf([{ type: 'key', id: keyId }]);
    return spent.get(`key:${keyId}`) ?? 0n;
  }
}

/** The keys a body names, and the names as they were sent; `keys` win over aliases, the list over the single key. */
export function namedBy(body: NamedKeysBody): [KeysNamed, readonly string[]] {
  const keys = body.keys?.length ? body.keys : body.key ? [body.key] : undefined;
  if (keys) return [{ hashes: keys.map(hashOfNamed) }, keys];
  const aliases = body.key_aliases ?? [];
  return [{ aliases }, aliases];
}

/** The secret a request asks for. Throws when a chosen key is not allowed, too short to be safe, or is the master key itself. */
function secretFor(custom: string | null | undefined, config: Config, param: string): KeySecret {
  if (!custom) return { randomBytes: config.keys.generatedLength };
  if (!config.keys.allowCustom) {
    throw new GatewayError(
      'rbac.forbidden',
      'Custom API key values are disabled. Leave it out to get a generated one.',
      { param },
    );
  }
  if (custom.length < config.keys.minimumCustomLength) {
    const message = `'${param}' must have at least ${config.keys.minimumCustomLength} characters.`;
    throw new GatewayError('request.bad_field', message, { param });
  }
  const master = config.auth.masterKey?.reveal();
  if (master !== undefined && hashRawKey(master) === hashRawKey(custom)) {
    throw new GatewayError(
      'request.bad_field',
      'This key cannot be used: choose another value, or let one be generated.',
      { param },
    );
  }
  return { custom };
}
