import { AuditEvent } from '#libs/database';
import { newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';

/** Who made a change, and from where. Names only: never a credential. */
export interface Actor {
  readonly userId: string | null;
  readonly keyId: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
}

export type ChangeAction = 'created' | 'updated' | 'deleted' | 'blocked' | 'unblocked' | 'rotated';

/**
 * Writes who did what to which row, inside the change's own transaction: the change and its record are there together or
 * not at all. Secrets are masked in the copies, so the audit trail never becomes a second place to steal them from.
 */
export async function recordChange(
  manager: EntityManager,
  actor: Actor,
  action: ChangeAction,
  noun: string,
  id: string,
  before: object | null,
  after: object | null,
): Promise<void> {
  await manager.insert(AuditEvent, {
    id: newId('audit'),
    actorUserId: actor.userId,
    actorKeyId: actor.keyId,
    actorIp: actor.ip,
    requestId: actor.requestId,
    action,
    noun,
    nounId: id,
    before: (before === null ? null : auditCopy(before)) as never,
    after: (after === null ? null : auditCopy(after)) as never,
  });
}

const SECRET_NAME = /token|secret|password|credential|api_?key|private_?key|authorization/i;
/** Anything that looks like a key of ours or of a provider, wherever somebody put it (metadata, aliases). */
const SECRET_VALUE = /\b(sk|pk|rk|ghp|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{12,}/g;

/** A plain JSON copy: dates as ISO text, amounts as decimal text, secrets as `[masked]`. */
export function auditCopy(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value, maskMember)) as Record<string, unknown>;
}

function maskMember(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return value;
  if (SECRET_NAME.test(name)) return '[masked]';
  return typeof value === 'string' ? value.replace(SECRET_VALUE, '[masked]') : value;
}
