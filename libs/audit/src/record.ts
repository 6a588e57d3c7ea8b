import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export type Chain = 'changes' | 'access';

/** Who made a change, and from where. Names only: never a credential. */
export interface Actor {
  readonly userId: string | null;
  readonly keyId: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
}

/** Something to be recorded. */
export interface Happening {
  readonly id: string;
  readonly chain: Chain;
  readonly at: Date;
  readonly actor: Actor;
  readonly action: string;
  readonly noun: string;
  readonly nounId: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  /** Event -> names of the values that an erasure took away: what makes their absence right. */
  readonly cleared?: Readonly<Record<string, readonly string[]>>;
  readonly pruned?: Pruned;
}

/** The beginning of a chain that was let go when its time was over, and the hash of its last row: what makes its absence right. */
export interface Pruned {
  readonly chain: Chain;
  readonly upTo: string;
  readonly hash: string;
}

/** Salt and JSON text behind a commitment, by its name in the record. */
export type Items = Readonly<Record<string, readonly [salt: string, text: string]>>;

/** Stands in a record where a value was: it proves the value to whoever has it with its salt, and tells nobody else anything. */
export interface Commitment {
  readonly sha: string;
}

/** A record as parsed: values that could name somebody are commitments. */
export interface StoredRecord {
  readonly v: 1;
  readonly id: string;
  readonly chain: Chain;
  readonly at: string;
  readonly action: string;
  readonly noun: string;
  readonly actorKeyId: string | null;
  readonly actorUserId: Commitment | null;
  readonly actorIp: Commitment | null;
  readonly requestId: Commitment | null;
  readonly nounId: Commitment | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly cleared?: Readonly<Record<string, readonly string[]>>;
  readonly pruned?: Pruned;
}

/**
 * A happening as the text that is stored, hashed and never changed, and the values that text commits to. Numbers, truth
 * values and empty ones stand in the text; everything else could name somebody one day, so only its commitment does.
 */
export function toRecord(happening: Happening): { readonly record: string; readonly items: Items } {
  const items: Record<string, readonly [string, string]> = {};
  const commit = (name: string, value: unknown): Commitment | null => {
    if (value === null || value === undefined) return null;
    const text = JSON.stringify(value);
    const salt = randomBytes(16).toString('base64url');
    items[name] = [salt, text];
    return { sha: commitmentOf(salt, text) };
  };
  const commitAll = (
    prefix: string,
    row: Readonly<Record<string, unknown>> | null,
  ): Record<string, unknown> | null =>
    row &&
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        isPlain(value) ? value : commit(`${prefix}.${name}`, value),
      ]),
    );
  const { actor, cleared, pruned } = happening;
  const stored: StoredRecord = {
    v: 1,
    id: happening.id,
    chain: happening.chain,
    at: happening.at.toISOString(),
    action: happening.action,
    noun: happening.noun,
    actorKeyId: actor.keyId,
    actorUserId: commit('actorUserId', actor.userId),
    actorIp: commit('actorIp', actor.ip),
    requestId: commit('requestId', actor.requestId),
    nounId: commit('nounId', happening.nounId),
    before: commitAll('before', happening.before),
    after: commitAll('after', happening.after),
    ...(cleared && { cleared }),
    ...(pruned && { pruned }),
  };
  return { record: JSON.stringify(stored), items };
}

function isPlain(value: unknown): boolean {
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

export function commitmentOf(salt: string, text: string): string {
  return createHmac('sha256', salt).update(text).digest('base64url');
}

/** Every commitment of a record, by name. */
export function* commitmentsIn(stored: StoredRecord): Generator<readonly [name: string, sha: string]> {
  for (const name of ['actorUserId', 'actorIp', 'requestId', 'nounId'] as const) {
    const value = stored[name];
    if (value) yield [name, value.sha];
  }
  for (const side of ['before', 'after'] as const) {
    for (const [name, value] of Object.entries(stored[side] ?? {}))
      if (isCommitment(value)) yield [`${side}.${name}`, value.sha];
  }
}

function isCommitment(value: unknown): value is Commitment {
  return typeof value === 'object' && value !== null && 'sha' in value && typeof value.sha === 'string';
}

/** The value behind a commitment; undefined when it was erased. */
export function valueOf(items: Items, name: string): unknown {
  const item = items[name];
  return item === undefined ? undefined : JSON.parse(item[1]);
}

/** One side of the change as it was; erased values are told as such. */
function sideOf(
  stored: StoredRecord,
  items: Items,
  side: 'before' | 'after',
): Record<string, unknown> | null {
  const row = stored[side];
  if (row === null) return null;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (!isCommitment(value)) return [name, value];
      const found = valueOf(items, `${side}.${name}`);
      return [name, found === undefined ? '[erased]' : found];
    }),
  );
}

/** A record with its values in it, for people and log collectors. Throws when the text is not a record. */
export function readable(record: string, items: Items): Record<string, unknown> {
  const stored = parseRecord(record);
  const named = (name: 'actorUserId' | 'actorIp' | 'requestId' | 'nounId') =>
    stored[name] === null ? null : (valueOf(items, name) ?? '[erased]');
  return {
    at: stored.at,
    actorUserId: named('actorUserId'),
    actorKeyId: stored.actorKeyId,
    actorIp: named('actorIp'),
    requestId: named('requestId'),
    action: stored.action,
    noun: stored.noun,
    nounId: named('nounId'),
    before: sideOf(stored, items, 'before'),
    after: sideOf(stored, items, 'after'),
  };
}

/** Throws when the text is not a record. */
export function parseRecord(text: string): StoredRecord {
  const stored = JSON.parse(text) as StoredRecord;
  if (stored.v !== 1 || typeof stored.id !== 'string') throw new Error('not an audit record');
  return stored;
}

/** Shows that a row was written by this installation: `name of the key:mac`. */
export function macOf(key: Buffer, keyName: string, record: string): string {
  return `${keyName}:${createHmac('sha256', key).update(record).digest('base64url')}`;
}

export function sameText(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
