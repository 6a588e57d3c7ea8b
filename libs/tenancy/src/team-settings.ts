import type { Team } from '#libs/database';
import { type NanoUsd, NO_MODELS } from '#libs/kernel';
import type { Config } from '#libs/config';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { metadataWith } from './metadata-lists.js';

/** What an administrator decides about a team. In a change, an absent member is left as it is. */
export interface TeamSettings {
  readonly alias: string | null;
  readonly organizationId: string | null;
  readonly models: readonly string[];
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly blocked: boolean;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** As of a key, whose own list comes first. */
  readonly allowedPassThrough: readonly string[] | null;
  readonly deniedPassThrough: readonly string[] | null;
  /** Members that every call has to have, as paths (`metadata.generation_name`); kept in metadata likewise. */
  readonly requiredParams: readonly string[] | null;
  /** What an answer without a cap of its own takes, in tokens, by default and by model; kept in metadata likewise. */
  readonly usualOutputTokens: number | null;
  readonly modelUsualOutputTokens: Readonly<Record<string, number>> | null;
  /** Kept by the groups, not by the team. */
  readonly accessGroupIds: readonly string[];
  /** Null: the product's default. */
  readonly memberPermissions: readonly string[] | null;
  /** What each member may spend and ask for, where its membership says nothing. */
  readonly memberCapNanoUsd: NanoUsd | null;
  readonly memberBudgetDuration: string | null;
  readonly memberRequestsPerMinute: number | null;
  readonly memberTokensPerMinute: number | null;
  readonly memberKeyDuration: string | null;
  readonly memberModels: readonly string[];
}
export type TeamChange = GovernedChange & {
  readonly [Name in keyof TeamSettings]?: TeamSettings[Name] | undefined;
};

const COLUMN_OF = {
  alias: 'alias',
  organizationId: 'organizationId',
  models: 'models',
  modelAliases: 'modelAliases',
  blocked: 'blocked',
  tags: 'tags',
  memberPermissions: 'memberPermissions',
  memberCapNanoUsd: 'memberMaxBudgetNano',
  memberBudgetDuration: 'memberBudgetDuration',
  memberRequestsPerMinute: 'memberRpmLimit',
  memberTokensPerMinute: 'memberTpmLimit',
  memberKeyDuration: 'memberKeyDuration',
  memberModels: 'memberModels',
} as const satisfies Record<
  Exclude<
    keyof TeamSettings,
    | 'metadata'
    | 'allowedPassThrough'
    | 'deniedPassThrough'
    | 'requiredParams'
    | 'usualOutputTokens'
    | 'modelUsualOutputTokens'
    | 'accessGroupIds'
  >,
  keyof Team
>;

/** Columns that a change writes. */
export function teamColumns(change: TeamChange, current: Team | undefined, nowMs: number): Partial<Team> {
  const columns: Partial<Record<keyof Team, unknown>> = governedColumns(change, current, nowMs);
  for (const [setting, column] of Object.entries(COLUMN_OF)) {
    const value = change[setting as keyof typeof COLUMN_OF];
    if (value !== undefined) columns[column] = value;
  }
  const metadata = metadataWith(change, current?.metadata ?? {});
  if (metadata !== undefined) columns.metadata = metadata;
  return columns as Partial<Team>;
}

/** What a team may call that an identity provider makes: what the operator's template says; nothing without one, until somebody gives it models. */
export function modelsOfNewTeam({ people }: Pick<Config, 'people'>): readonly string[] {
  const { models } = people.newTeam;
  return models.length > 0 ? models : [NO_MODELS];
}
