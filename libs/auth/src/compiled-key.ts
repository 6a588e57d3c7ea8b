import { hash } from 'node:crypto';
import type { Config } from '#libs/config';
import type { Principal } from '#libs/kernel';
import type { KeyRecord } from '#libs/tenancy';
import { compilePrincipal } from './compile-principal.js';

/** Why a key that exists may not be used; `good` when it may. */
export type KeyStanding = 'good' | 'key_blocked' | 'user_blocked' | 'team_missing' | 'team_blocked';

/** One key as the vault keeps it: its principal, whether it may be used, and what it was made from. */
export class CompiledKey {
  readonly principal: Principal;
  readonly standing: KeyStanding;
  /** `noun:id` of everything a change of which makes this object wrong. */
  readonly dependencies: readonly string[];
  /** Equal for objects that mean the same: a re-read that found nothing new keeps the old one. */
  readonly fingerprint: string;
  /** When the rows were last known to be so (monotonic). */
  verifiedMs: number;
  isRefreshing = false;
  #isCurrent = true;

  constructor(record: KeyRecord, config: Config, verifiedMs: number) {
    this.principal = compilePrincipal(record, config, () => this.#isCurrent);
    this.standing = standingOf(record);
    this.dependencies = dependenciesOf(record);
    this.fingerprint = fingerprintOf(this.principal, this.standing);
    this.verifiedMs = verifiedMs;
  }

  /** From now on the principal says that it is no longer current, to requests that still hold it too. */
  drop(): void {
    this.#isCurrent = false;
  }
}

function standingOf({ key, user, team }: KeyRecord): KeyStanding {
  if (key.blocked) return 'key_blocked';
  if (user !== null && (user.blocked || user.metadata['scim_active'] === false)) return 'user_blocked';
  // A team that is gone took its limits with it; its keys must not outlive them.
  if (key.teamId !== null && team === null) return 'team_missing';
  return team?.blocked === true ? 'team_blocked' : 'good';
}

function dependenciesOf({ key, team }: KeyRecord): string[] {
  const named: [string, string | null | undefined][] = [
    ['key', key.id],
    ['user', key.userId],
    ['team', key.teamId],
    ['organization', key.organizationId ?? team?.organizationId],
    ['project', key.projectId],
    ['customer', key.customerId],
  ];
  return named.flatMap(([noun, id]) => (id === null || id === undefined ? [] : [`${noun}:${id}`]));
}

function fingerprintOf(principal: Principal, standing: KeyStanding): string {
  const text = JSON.stringify([standing, principal], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  return hash('sha256', text, 'base64');
}
