import type { VirtualKey } from '#libs/database';
import type { NanoUsd } from '#libs/kernel';
import { after, parseDuration } from './duration.js';

/** What an administrator decides about a key. In a change, an absent member is left as it is. */
export interface KeySettings {
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
  readonly capNanoUsd: NanoUsd | null;
  readonly budgetDuration: string | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly parallelRequests: number | null;
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
  if (change.capNanoUsd !== undefined) columns.maxBudgetNano = change.capNanoUsd;
  if (change.requestsPerMinute !== undefined) columns.rpmLimit = change.requestsPerMinute;
  if (change.tokensPerMinute !== undefined) columns.tpmLimit = change.tokensPerMinute;
  if (change.parallelRequests !== undefined) columns.maxParallelRequests = change.parallelRequests;
  if (change.tags !== undefined) columns.tags = [...change.tags];
  if (change.metadata !== undefined) columns.metadata = { ...change.metadata };
  if (change.blocked !== undefined) columns.blocked = change.blocked;
  if (change.lifetime !== undefined) columns.expiresAt = expiryOf(change.lifetime, nowMs);
  Object.assign(columns, budgetColumns(change.budgetDuration, current?.budgetDuration, nowMs));
  Object.assign(columns, routeColumns(change));
  return columns;
}

/** The anchor moves only when the period really changes: saying the same again must not start a new period. */
export function budgetColumns(
  duration: string | null | undefined,
  current: string | null | undefined,
  nowMs: number,
): { budgetDuration?: string | null; budgetAnchorAt?: Date | null } {
  if (duration === undefined || duration === current) return {};
  return { budgetDuration: duration, budgetAnchorAt: duration === null ? null : new Date(nowMs) };
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
