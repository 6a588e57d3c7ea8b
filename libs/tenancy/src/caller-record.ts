import type {
  Budget,
  Customer,
  Governed,
  Organization,
  OrganizationMember,
  Project,
  StoredRole,
  Tag,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from '#libs/database';

/** Whom a credential speaks for: ids as it states them, whether or not there are rows of those names. */
export interface CallerIds {
  readonly userId: string | null;
  readonly teamId: string | null;
  readonly organizationId: string | null;
  readonly projectId: string | null;
  /** The credential's own end user; requests cannot choose another then. */
  readonly customerId: string | null;
}

/** Any row with limits and budgets, and when it was made: the anchor of its periods where it has no other. */
export type GovernedRow = Governed & { readonly createdAt: Date };

/**
 * Everything that a caller is compiled from, whatever its credential was. A row is null when the credential names none, or
 * one that does not exist (an administrator may bind a key to a name in advance).
 */
export interface CallerRecord {
  readonly ids: CallerIds;
  /** Null for credentials that are no virtual key. */
  readonly key: VirtualKey | null;
  readonly user: User | null;
  readonly team: Team | null;
  /** Null when the user is not a member of the team. */
  readonly member: TeamMember | null;
  readonly organization: Organization | null;
  readonly organizationMember: OrganizationMember | null;
  readonly project: Project | null;
  readonly customer: Customer | null;
  /** Rows of the tags that key, team and project carry, by name. */
  readonly tags: ReadonlyMap<string, Tag>;
  /** Rows of `budgets` that any of the others points to, by id. */
  readonly budgets: ReadonlyMap<string, Budget>;
  /** Roles that the user or the credential has and that neither the product nor the file knows, by name; null: nobody made one. */
  readonly roles: ReadonlyMap<string, StoredRole | null>;
}

/** The caller of a virtual key. */
export interface KeyRecord extends CallerRecord {
  readonly key: VirtualKey;
}

/** The tags that every call of the caller counts for, in the order key, team, project. */
export function pinnedTagsOf({
  key,
  team,
  project,
}: Pick<CallerRecord, 'key' | 'team' | 'project'>): string[] {
  return [...new Set([...(key?.tags ?? []), ...(team?.tags ?? []), ...(project?.tags ?? [])])];
}
