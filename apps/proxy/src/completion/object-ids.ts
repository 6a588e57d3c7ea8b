import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InstallationKey } from '#libs/audit';
import { Config } from '#libs/config';
import { type CallFacts, GatewayError, type Principal } from '#libs/kernel';
import { parseRequestBody, referencesIn, RenamedIds, type RequestBody } from '#libs/providers';

/** Behind an id of the provider's, with the seal of whose it is. Providers give no ids that look like this. */
const MARK = '_tg0_';
/** 16 bytes of a MAC in base64url: nobody guesses one, and a caller has one try a call. */
const SEAL_LENGTH = 22;
const MAC_BYTES = 16;
const SEALED = new RegExp(`^([^"\\\\]{1,512})${MARK}([\\w-]{${SEAL_LENGTH}})$`);
const SEALED_TEXTS = new RegExp(`"([^"\\\\]{1,512}${MARK}[\\w-]{${SEAL_LENGTH}})"`, 'g');

/**
 * What calls make at a provider (answers that it keeps, their items, containers) lies in one account, whoever called. So the
 * ids that a caller is told carry a seal of whose they are, and one that is not the caller's names nothing (decision 088).
 */
@Injectable()
export class ObjectIds {
  readonly #key: Buffer;

  constructor(
    private readonly config: Config,
    installation: InstallationKey,
  ) {
    this.#key = installation.derive('ids of objects at providers');
  }

  /**
   * The body with the provider's own ids in it. Throws `request.invalid` for one that is not the caller's, in the same words
   * as for one that is not there; administrators of the proxy have every object, sealed or not.
   */
  opened(principal: Principal, { endpoint }: CallFacts, body: RequestBody): RequestBody {
    if (!this.#seals(endpoint)) return body;
    const owner = ownerOf(principal);
    const isAdmin = principal.role === 'proxy_admin';
    for (const { param, id } of referencesIn(body.json, endpoint)) {
      if (typeof id !== 'string') throw notFound(param);
      if (!isAdmin && this.#open(id, owner) === undefined) throw notFound(param);
    }
    if (!body.bytes.includes(MARK)) return body;
    const text = body.bytes.toString('latin1');
    const opened = text.replaceAll(SEALED_TEXTS, (quoted, sealed: string) => {
      const id = isAdmin ? SEALED.exec(sealed)?.[1] : this.#open(sealed, owner);
      return id === undefined ? quoted : `"${id}"`;
    });
    return opened === text ? body : parseRequestBody(Buffer.from(opened, 'latin1'));
  }

  /** Names the ids of one answer for its caller; undefined where the answer has none that matter. */
  namesFor(principal: Principal, { endpoint }: CallFacts): SealedIds | undefined {
    if (!this.#seals(endpoint)) return undefined;
    const owner = ownerOf(principal);
    return new SealedIds(new RenamedIds(endpoint, (id) => this.#seal(id, owner)), (id) =>
      endpoint === 'responses' ? this.#seal(id, owner) : id,
    );
  }

  #seals(endpoint: CallFacts['endpoint']): boolean {
    return (endpoint === 'responses' || endpoint === 'messages') && this.config.calls.sealsObjectIds;
  }

  #seal(id: string, owner: string): string {
    return `${id}${MARK}${this.#mac(id, owner).toString('base64url')}`;
  }

  #open(sealed: string, owner: string): string | undefined {
    const [, id, seal] = SEALED.exec(sealed) ?? [];
    if (id === undefined || seal === undefined) return undefined;
    const given = Buffer.from(seal, 'base64url');
    // Constant time, so that a seal cannot be found byte by byte.
    return given.length === MAC_BYTES && timingSafeEqual(given, this.#mac(id, owner)) ? id : undefined;
  }

  #mac(id: string, owner: string): Buffer {
    return createHmac('sha256', this.#key).update(`${owner}\0${id}`).digest().subarray(0, MAC_BYTES);
  }
}

/** The ids of one answer, as its caller may say them again. */
export class SealedIds {
  constructor(
    private readonly renamed: RenamedIds,
    private readonly seal: (id: string) => string,
  ) {}

  /** A body, or whole frames of a stream. */
  apply(bytes: Buffer): Buffer {
    return this.renamed.apply(bytes);
  }

  /** What the answer itself is called, for the record that people look up by it. */
  nameOf(responseId: string | null): string | null {
    return responseId === null ? null : this.seal(responseId);
  }
}

/**
 * Who may go on with what a call made: the person, with whichever of their keys; without one, the key however often its secret
 * is made anew; else the team of a token. Never across organizations, and never from one customer to another whom a credential pins.
 */
function ownerOf({ user, key, team, organizationId, customerId, displayName }: Principal): string {
  const who = user
    ? ['user', user.id]
    : key
      ? ['key', key.id]
      : team
        ? ['team', team.id]
        : ['name', displayName];
  return JSON.stringify([organizationId ?? null, customerId ?? null, ...who]);
}

function notFound(param: string): GatewayError {
  return new GatewayError(
    'request.invalid',
    `\`${param}\` names nothing that is there: not made by a call of yours, or no longer kept.`,
    { param },
  );
}
