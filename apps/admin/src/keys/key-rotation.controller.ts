import { HttpCode, Param } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, type IssuedKey, KeyRotation } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { type Echo, KeyAnswers } from './key-answers.js';
import { ISSUED_KEY } from './key-answers.schemas.js';
import { KeyPolicies } from './key-policies.js';
import { secretFor } from './key-requests.js';
import { KeyRows } from './key-rows.js';
import { toKeyChange } from './key-fields.schemas.js';
import { regenerateBody, type RegenerateBody } from './keys.schemas.js';

/** New secrets for keys that stay what they are. */
@AdminController()
export class KeyRotationController {
  constructor(
    private readonly rotation: KeyRotation,
    private readonly policies: KeyPolicies,
    private readonly answers: KeyAnswers,
    private readonly rows: KeyRows,
    private readonly config: Config,
  ) {}

  @Handles('POST /key/{key}/regenerate')
  @Answers('Gives a key a new secret; id, settings and spend stay', ISSUED_KEY)
  @HttpCode(200)
  regenerateNamed(
    @By() author: Author,
    @Param('key') named: string,
    @AdminBody(regenerateBody) body: RegenerateBody,
  ): Promise<object> {
    return this.#regenerate(author, body.key || named, body);
  }

  /** Without a name the caller's own key. */
  @Handles('POST /key/regenerate')
  @Answers('Gives a key a new secret; id, settings and spend stay', ISSUED_KEY)
  @HttpCode(200)
  regenerate(@By() author: Author, @AdminBody(regenerateBody) body: RegenerateBody): Promise<object> {
    const own = author.principal.key?.hash;
    const named = body.key || own;
    if (!named) throw new GatewayError('request.bad_field', 'Name the key to regenerate.', { param: 'key' });
    return this.#regenerate(author, named, body);
  }

  /** For a program whose key rotates by itself: called with the former secret while that still works, it answers the new one. */
  @Handles('GET /key/successor')
  @Answers("Answers the secret that a scheduled rotation put in the place of the caller's", ISSUED_KEY)
  async successor(@By() author: Author): Promise<object> {
    const issued = await this.rotation.successor(author);
    return this.#answer(issued, { duration: null, label: undefined, blocked: undefined });
  }

  async #regenerate(author: Author, named: string, body: RegenerateBody): Promise<object> {
    const settings = toKeyChange(body);
    this.policies.assertWithin(settings);
    const issued = await this.rotation.regenerate(
      author,
      hashOfNamed(named),
      settings,
      secretFor(body.new_key, this.config, 'new_key'),
      body.grace_period === undefined ? (this.config.keys.rotationGrace ?? null) : body.grace_period,
    );
    return this.#answer(issued, {
      duration: settings.lifetime,
      label: body.key_name,
      blocked: body.blocked,
    });
  }

  async #answer(issued: IssuedKey, echo: Echo): Promise<object> {
    const [linked, spent] = await this.rows.around(issued.key);
    return this.answers.issued(issued, echo, spent, linked);
  }
}
