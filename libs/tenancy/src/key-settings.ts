import type { VirtualKey } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { after, parseDuration } from './duration.js';
import { metadataWith } from './metadata-lists.js';
import { governedColumns, type GovernedSettings } from './governed-settings.js';

/** What an administrator decides about a key. In a change, an absent member is left as it is. */
export interface KeySettings extends GovernedSettings {
  readonly alias: string | null;
  /** A name that several keys may share. */
  readonly label: string | null;
  readonly userId: string | null;
  readonly teamId: string | null;
  readonly organizationId: string | null;
  readonly projectId: string | null;
  /** Every call of the key counts for this end user. */
  readonly customerId: string | null;
  readonly models: readonly string[];
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly allowedRoutes: readonly string[];
  readonly keyType: KeyType | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Pass-through endpoints the key may call, and those it may not; kept in metadata, where the contract has them, and not part of what replaces it. */
  readonly allowedPassThrough: readonly string[] | null;
  readonly deniedPassThrough: readonly string[] | null;
  /** Models that stand in for one whose budget is used up; kept in metadata likewise. */
  readonly budgetFallbacks: Readonly<Record<string, readonly string[]>> | null;
  /** Members that every call has to have, as paths (`metadata.generation_name`); kept in metadata likewise. */
  readonly requiredParams: readonly string[] | null;
  /** What an answer without a cap of its own takes, in tokens, by default and by model; kept in metadata likewise. */
  readonly usualOutputTokens: number | null;
  readonly modelUsualOutputTokens: Readonly<Record<string, number>> | null;
  /** Kept by the groups, not by the key. */
  readonly accessGroupIds: readonly string[];
  readonly blocked: boolean;
  /** A duration from now; null: for ever. */
  readonly lifetime: string | null;
  readonly autoRotate: boolean;
  /** How often a key that rotates by itself gets a new secret. */
  readonly rotationInterval: string | null;
  /** Makes it the key of a program; given when it is made, and never again. */
  readonly serviceAccountId: string | null;
  readonly requestLimitType: LimitType | null;
  readonly tokenLimitType: LimitType | null;
  readonly tagRequestsPerMinute: Readonly<Record<string, number>>;
  /** Over its budget the key is slowed down instead of refused. */
  readonly throttled: boolean;
  /** The budget of customers of this key that have none of their own. */
  readonly customerBudgetId: string | null;
}

/** How a limit is meant: `guaranteed_throughput` may not promise more than the team has. */
export const LIMIT_TYPES = ['guaranteed_throughput', 'best_effort_throughput', 'dynamic'] as const;
export type LimitType = (typeof LIMIT_TYPES)[number];

/** In a change, an absent member is left as it is. */
export type KeyChange = { readonly [Setting in keyof KeySettings]?: KeySettings[Setting] | undefined };

/** The contract’s names for what a key opens when it names no routes itself. */
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
  if (change.organizationId !== undefined) columns.organizationId = change.organizationId;
  if (change.projectId !== undefined) columns.projectId = change.projectId;
  if (change.customerId !== undefined) columns.customerId = change.customerId;
  if (change.models !== undefined) columns.models = [...change.models];
  if (change.modelAliases !== undefined) columns.aliases = { ...change.modelAliases };
  if (change.tags !== undefined) columns.tags = [...change.tags];
  assertSameAccount(change, current);
  const metadata = metadataWith(change, current?.metadata ?? {});
  if (metadata !== undefined) columns.metadata = metadata;
  if (change.blocked !== undefined) columns.blocked = change.blocked;
  if (change.lifetime !== undefined) columns.expiresAt = expiryOf(change.lifetime, nowMs);
  if (change.serviceAccountId !== undefined) columns.serviceAccountId = change.serviceAccountId;
  if (change.requestLimitType !== undefined) columns.rpmLimitType = change.requestLimitType;
  if (change.tokenLimitType !== undefined) columns.tpmLimitType = change.tokenLimitType;
  if (change.tagRequestsPerMinute !== undefined) columns.tagRpmLimits = { ...change.tagRequestsPerMinute };
  if (change.throttled !== undefined) columns.throttleOnBudgetExceeded = change.throttled;
  if (change.customerBudgetId !== undefined) columns.customerBudgetId = change.customerBudgetId;
  Object.assign(columns, governedColumns(change, current, nowMs));
  Object.assign(columns, routeColumns(change));
  Object.assign(columns, rotationColumns(change, current, nowMs));
  return columns;
}

/** A service account is named when it is made, and never again. */
function assertSameAccount({ metadata }: KeyChange, current: VirtualKey | undefined): void {
  const named = metadata?.['service_account_id'];
  const { serviceAccountId } = current ?? { serviceAccountId: null };
  if (serviceAccountId === null || named === undefined || named === serviceAccountId) return;
  throw new GatewayError('request.bad_field', 'A service account keeps its service_account_id.', {
    param: 'metadata.service_account_id',
  });
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

/** When the next rotation is due moves only when its rule does. */
function rotationColumns(
  { autoRotate, rotationInterval }: KeyChange,
  current: VirtualKey | undefined,
  nowMs: number,
): Partial<VirtualKey> {
  if (autoRotate === undefined && rotationInterval === undefined) return {};
  const isOn = autoRotate ?? current?.autoRotate ?? false;
  const interval = rotationInterval === undefined ? (current?.rotationInterval ?? null) : rotationInterval;
  if (isOn && interval === null) {
    const message = 'A key that rotates by itself needs a rotation_interval, such as 30d.';
    throw new GatewayError('request.bad_field', message, { param: 'rotation_interval' });
  }
  const isSame = isOn === current?.autoRotate && interval === current.rotationInterval;
  return {
    autoRotate: isOn,
    rotationInterval: interval,
    ...(isSame ? {} : { rotationAt: isOn ? expiryOf(interval, nowMs) : null }),
  };
}

/** A key nobody has said anything about yet. */
export function blankKey(id: string, now: Date): VirtualKey {
  const nothing = {
    alias: null,
    label: null,
    userId: null,
    teamId: null,
    organizationId: null,
    projectId: null,
    customerId: null,
    maxBudgetNano: null,
    softBudgetNano: null,
    budgetDuration: null,
    budgetAnchorAt: null,
    budgetResetAt: null,
    tempBudgetNano: null,
    tempBudgetEndsAt: null,
    budgetId: null,
    rpmLimit: null,
    tpmLimit: null,
    inputTpmLimit: null,
    outputTpmLimit: null,
    maxParallelRequests: null,
    expiresAt: null,
    keyType: null,
    lastRotationAt: null,
    rotationInterval: null,
    rotationAt: null,
    serviceAccountId: null,
    rpmLimitType: null,
    tpmLimitType: null,
    customerBudgetId: null,
    createdBy: null,
    updatedBy: null,
    lastActiveAt: null,
  };
  return {
    id,
    tokenHash: '',
    maskedName: '',
    ...nothing,
    models: [],
    allowedRoutes: [],
    tags: [],
    budgetWindows: [],
    aliases: {},
    metadata: {},
    modelBudgets: {},
    modelRpmLimits: {},
    modelTpmLimits: {},
    tagRpmLimits: {},
    blocked: false,
    autoRotate: false,
    throttleOnBudgetExceeded: false,
    rotationCount: 0,
    createdAt: now,
    updatedAt: now,
    settingsUpdatedAt: now,
  };
}

/** The instant a duration from now ends; null for ever. */
export function expiryOf(lifetime: string | null, nowMs: number): Date | null {
  if (lifetime === null) return null;
  const duration = parseDuration(lifetime);
  if (duration === undefined) throw new RangeError('the lifetime was not parsed at the edge');
  return new Date(after(nowMs, duration));
}
