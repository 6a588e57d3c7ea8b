import type { VirtualKey } from '#libs/database';
import { after, parseDuration } from './duration.js';
import { governedColumns, type GovernedSettings } from './governed-settings.js';

export { budgetColumns } from './governed-settings.js';

/** What an administrator decides about a key. In a change, an absent member is left as it is. */
export interface KeySettings extends GovernedSettings {
  readonly alias: string | null;
  /** A name that several keys may share. */
  readonly label: string | null;
  readonly userId: string | null;
  readonly teamId: string | null;
  /** Every call of the key counts for this end user. */
  readonly customerId: string | null;
  readonly models: readonly string[];
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly allowedRoutes: readonly string[];
  readonly keyType: KeyType | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly blocked: boolean;
  /** A duration from now; null: for ever. */
  readonly lifetime: string | null;
}
export type KeyChange = { readonly [Setting in keyof KeySettings]?: KeySettings[Setting] | undefined };

export const KEY_TYPES = ['default', 'llm_api', 'management', 'read_only'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** What a key type opens, when the key names no routes of its own. */
const ROUTES_OF_TYPE: Readonly<Record<KeyType, readonly string[]>> = {
  default: [],
  llm_api: ['llm_api_routes'],
  management: ['management_routes'],
  read_only: ['info_routes'],
};

/** Columns that a change writes. Times are taken from `nowMs`, so that one change has one instant. */
export function columnsOf(
  change: KeyChange,
  current: VirtualKey | undefined,
  nowMs: number,
): Partial<VirtualKey> {
  const columns: Partial<VirtualKey> = {};
  if (change.alias !== undefined) columns.alias = change.alias;
  if (change.label !== undefined) columns.label = change.label;
  if (change.userId !== undefined) columns.userId = change.userId;
  if (change.teamId !== undefined) columns.teamId = change.teamId;
  if (change.customerId !== undefined) columns.customerId = change.customerId;
  if (change.models !== undefined) columns.models = [...change.models];
  if (change.modelAliases !== undefined) columns.aliases = { ...change.modelAliases };
  if (change.tags !== undefined) columns.tags = [...change.tags];
  if (change.metadata !== undefined) columns.metadata = { ...change.metadata };
  if (change.blocked !== undefined) columns.blocked = change.blocked;
  if (change.lifetime !== undefined) columns.expiresAt = expiryOf(change.lifetime, nowMs);
  Object.assign(columns, governedColumns(change, current, nowMs));
  Object.assign(columns, routeColumns(change));
  return columns;
}

function routeColumns(change: KeyChange): { allowedRoutes?: string[]; keyType?: string | null } {
  const columns: { allowedRoutes?: string[]; keyType?: string | null } = {};
  if (change.keyType !== undefined) {
    columns.keyType = change.keyType;
    columns.allowedRoutes = [...ROUTES_OF_TYPE[change.keyType ?? 'default']];
  }
  if (change.allowedRoutes !== undefined && (change.allowedRoutes.length > 0 || !change.keyType)) {
    columns.allowedRoutes = [...change.allowedRoutes];
  }
  return columns;
}

function expiryOf(lifetime: string | null, nowMs: number): Date | null {
  if (lifetime === null) return null;
  const duration = parseDuration(lifetime);
  if (duration === undefined) throw new RangeError('the lifetime was not parsed at the edge');
  return new Date(after(nowMs, duration));
}
