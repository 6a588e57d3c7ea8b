import { Organization, OrganizationMember, Project, readAs, Team, User, VirtualKey } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, In } from 'typeorm';
import { seesEverything } from './authority.js';
import { capacityOverKey, isOwn } from './authority/key-access.js';
import { placesOf } from './authority/load-judgement.js';
import { administered, type Standing, standingOf } from './authority/standing.js';
import { CallerDirectory } from './caller-directory.js';
import type { CallerIds, CallerRecord } from './caller-record.js';
import { KeyDirectory } from './key-directory.js';
import { hashOfNamed } from './key-secret.js';

/** Somebody whose rights are asked about: a key by its id, alias, hash or secret, or else ids as a token would state them. */
export interface NamedCaller {
  readonly key?: string | undefined;
  readonly ids: Partial<CallerIds>;
  /** As a token would state it. */
  readonly role?: string | undefined;
}

/**
 * Whose rights somebody may ask about: its own, those of organizations it administers, and everybody's for proxy administrators.
 * Undefined for all others, whether they are there or not.
 */
@Injectable()
export class ExplainedCallers {
  constructor(
    private readonly database: DataSource,
    private readonly keys: KeyDirectory,
    private readonly callers: CallerDirectory,
  ) {}

  async find(reader: Principal, { key, ids, role }: NamedCaller): Promise<CallerRecord | undefined> {
    if (key !== undefined) {
      const hash = await readAs(this.database, reader, (manager) => keyFor(manager, reader, key));
      return hash === undefined ? undefined : this.keys.findByHash(hash);
    }
    const mayAsk = await readAs(this.database, reader, (manager) => mayAskAbout(manager, reader, ids));
    return mayAsk ? this.callers.find(ids, role) : undefined;
  }
}

async function keyFor(manager: EntityManager, reader: Principal, named: string): Promise<string | undefined> {
  const standing = await standingOf(manager, reader);
  const found = await manager.find(VirtualKey, {
    where: [{ tokenHash: hashOfNamed(named) }, { id: named }, { alias: named }],
    take: 10,
  });
  const places = await placesOf(manager, found);
  const mine = places.filter(
    (place) =>
      seesEverything(standing) ||
      place.key.id === standing.keyId ||
      isOwn(standing, place.key) ||
      capacityOverKey(standing, 'update', place) === 'org_admin',
  );
  // Aliases are unique within an organization only: whoever sees several has to say which.
  return mine.length === 1 ? mine[0]?.key.tokenHash : undefined;
}

async function mayAskAbout(
  manager: EntityManager,
  reader: Principal,
  ids: Partial<CallerIds>,
): Promise<boolean> {
  const standing = await standingOf(manager, reader);
  if (seesEverything(standing)) return areThere(manager, ids);
  const isSelf =
    standing.userId !== undefined &&
    standing.userId === ids.userId &&
    isAbsentOr(ids.teamId, (id) => standing.teams.has(id)) &&
    isAbsentOr(ids.organizationId, (id) => standing.organizations.has(id)) &&
    !ids.projectId &&
    !ids.customerId;
  return isSelf || isGoverned(manager, standing, ids);
}

/** Everything that is named belongs to organizations that the reader administers. */
async function isGoverned(
  manager: EntityManager,
  standing: Standing,
  { userId, teamId, organizationId, projectId, customerId }: Partial<CallerIds>,
): Promise<boolean> {
  const { organizationIds } = administered(standing);
  if (organizationIds.length === 0 || customerId || !(userId || teamId || organizationId || projectId))
    return false;
  if (organizationId && !organizationIds.includes(organizationId)) return false;
  const governed = In(organizationIds);
  if (teamId && !(await manager.existsBy(Team, { id: teamId, organizationId: governed }))) return false;
  if (userId && !(await manager.existsBy(OrganizationMember, { userId, organizationId: governed })))
    return false;
  if (!projectId) return true;
  const project = await manager.findOneBy(Project, { id: projectId });
  return project !== null && (await manager.existsBy(Team, { id: project.teamId, organizationId: governed }));
}

async function areThere(
  manager: EntityManager,
  { userId, teamId, organizationId, projectId }: Partial<CallerIds>,
): Promise<boolean> {
  if (userId && !(await manager.existsBy(User, { id: userId }))) return false;
  if (teamId && !(await manager.existsBy(Team, { id: teamId }))) return false;
  if (organizationId && !(await manager.existsBy(Organization, { id: organizationId }))) return false;
  return !projectId || (await manager.existsBy(Project, { id: projectId }));
}

function isAbsentOr(id: string | null | undefined, holds: (id: string) => boolean): boolean {
  return id === null || id === undefined || holds(id);
}
