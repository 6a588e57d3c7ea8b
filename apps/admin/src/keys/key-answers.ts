import { Injectable } from '@nestjs/common';
import type { Budget, VirtualKey } from '#libs/database';
import { type NanoUsd, usdNumber } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import type { IssuedKey, KeyView } from '#libs/tenancy';
import { foldedOf, GovernedAnswers, modelBudgetsOf } from '../http/governed-answers.js';
import { orNull, toApiTime, toApiUsd } from '../http/wire.js';

/** What a client sent that an answer repeats as it was. */
export interface Echo {
  readonly duration: unknown;
  readonly label: string | null | undefined;
  readonly blocked: boolean | null | undefined;
}

/** Keys as the contract writes them: every member always there, in the contract's order. */
@Injectable()
export class KeyAnswers {
  constructor(
    private readonly governed: GovernedAnswers,
    private readonly groups: AccessGroupIndex,
  ) {}

  /** The one answer that carries the raw key. */
  issued(
    { key, raw }: IssuedKey,
    echo: Echo,
    spent: NanoUsd,
    linked: Budget | null = null,
  ): Record<string, unknown> {
    return {
      key_alias: shownAlias(key),
      duration: typeof echo.duration === 'string' ? echo.duration : null,
      models: key.models,
      spend: usdNumber(spent),
      max_budget: toApiUsd(key.maxBudgetNano),
      user_id: key.userId,
      team_id: key.teamId,
      agent_id: null,
      max_parallel_requests: key.maxParallelRequests,
      metadata: shownMetadata(key, false),
      tpm_limit: key.tpmLimit,
      rpm_limit: key.rpmLimit,
      budget_duration: key.budgetDuration,
      budget_limits: this.governed.windows(key),
      allowed_cache_controls: [],
      config: {},
      permissions: {},
      model_max_budget: modelBudgetsOf(key),
      budget_fallbacks: key.metadata['budget_fallbacks'] ?? null,
      model_rpm_limit: orNull(key.modelRpmLimits),
      model_tpm_limit: orNull(key.modelTpmLimits),
      mcp_rpm_limit: null,
      tag_rpm_limit: orNull(key.tagRpmLimits),
      guardrails: null,
      policies: null,
      prompts: null,
      blocked: echo.blocked ?? (key.blocked || null),
      aliases: key.aliases,
      object_permission: null,
      key: raw,
      tpd_limit: null,
      default_estimated_output_tokens: key.metadata['default_estimated_output_tokens'] ?? null,
      default_estimated_output_tokens_per_model:
        key.metadata['default_estimated_output_tokens_per_model'] ?? null,
      budget_id: key.budgetId,
      end_user_budget_id: key.customerBudgetId,
      tags: orNull(key.tags),
      disable_global_guardrails: null,
      enable_prompt_caching: null,
      throttle_on_budget_exceeded: key.throttleOnBudgetExceeded || null,
      enforced_params: key.metadata['enforced_params'] ?? null,
      allowed_routes: key.allowedRoutes,
      allowed_passthrough_routes: key.metadata['allowed_passthrough_routes'] ?? null,
      denied_passthrough_routes: key.metadata['denied_passthrough_routes'] ?? null,
      allowed_vector_store_indexes: null,
      rpm_limit_type: key.rpmLimitType,
      tpm_limit_type: key.tpmLimitType,
      router_settings: null,
      access_group_ids: orNull(this.#groupIds(key)),
      key_name: echo.label ?? key.maskedName,
      key_type: key.keyType,
      expires: toApiTime(key.expiresAt),
      token_id: key.tokenHash,
      organization_id: key.organizationId,
      project_id: key.projectId,
      litellm_budget_table: this.#budgetTable(key, linked),
      token: key.tokenHash,
      created_by: key.createdBy,
      updated_by: key.updatedBy,
      created_at: toApiTime(key.createdAt),
      updated_at: toApiTime(key.updatedAt),
      ...(key.customerId === null ? {} : { end_user_id: key.customerId }),
    };
  }

  /** When the key's budget starts again. */
  resetsAt(key: VirtualKey): string | null {
    return this.governed.resetsAt(key);
  }

  /** The row as `/key/update` and `/key/block` answer it. */
  row(key: VirtualKey, spent: NanoUsd, linked: Budget | null = null): Record<string, unknown> {
    return { token: key.tokenHash, ...this.#columns(key, spent, linked), object_permission: null };
  }

  /** The row as `/key/info` answers it: without the hash, with what has become of the key. */
  info(view: KeyView): Record<string, unknown> {
    return {
      ...this.#columns(view.key, view.spentNanoUsd, view.budget),
      ...fateOf(view),
    };
  }

  /** The full object of a list: the shape of the contract's auth record, where the organization is `org_id`. */
  listed(view: KeyView): Record<string, unknown> {
    const { organization_id: organization, ...columns } = this.#columns(
      view.key,
      view.spentNanoUsd,
      view.budget,
    );
    return { token: view.key.tokenHash, ...columns, org_id: organization, ...fateOf(view) };
  }

  #groupIds({ id }: VirtualKey): readonly string[] {
    return this.groups.groupsOf({ type: 'key', id }).map((group) => group.id);
  }

  /** Shown where the contract shows a linked budget: a shared one, or the key's own soft budget. */
  #budgetTable(key: VirtualKey, linked: Budget | null): Record<string, unknown> | null {
    return linked === null && key.softBudgetNano === null ? null : this.governed.effective(key, linked);
  }

  #columns(key: VirtualKey, spent: NanoUsd, linked: Budget | null): Record<string, unknown> {
    return {
      key_name: key.maskedName,
      key_alias: shownAlias(key),
      soft_budget_cooldown: false,
      spend: usdNumber(spent),
      max_budget: toApiUsd(key.maxBudgetNano),
      expires: toApiTime(key.expiresAt),
      models: key.models,
      aliases: key.aliases,
      config: {},
      router_settings: null,
      user_id: key.userId,
      team_id: key.teamId,
      agent_id: null,
      project_id: key.projectId,
      end_user_id: key.customerId,
      permissions: {},
      max_parallel_requests: key.maxParallelRequests,
      metadata: shownMetadata(key, true),
      tags: orNull(key.tags),
      blocked: key.blocked,
      tpm_limit: key.tpmLimit,
      rpm_limit: key.rpmLimit,
      tpd_limit: null,
      budget_duration: key.budgetDuration,
      budget_reset_at: this.governed.resetsAt(key),
      allowed_cache_controls: [],
      allowed_routes: key.allowedRoutes,
      key_type: key.keyType,
      policies: [],
      access_group_ids: this.#groupIds(key),
      model_spend: {},
      model_max_budget: modelBudgetsOf(key),
      budget_fallbacks: key.metadata['budget_fallbacks'] ?? {},
      budget_id: key.budgetId,
      budget_limits: this.governed.windows(key),
      organization_id: key.organizationId,
      object_permission_id: null,
      created_at: toApiTime(key.createdAt),
      created_by: key.createdBy,
      updated_at: toApiTime(key.updatedAt),
      updated_by: key.updatedBy,
      settings_updated_at: toApiTime(key.settingsUpdatedAt),
      last_active: toApiTime(key.lastActiveAt),
      rotation_count: key.rotationCount,
      auto_rotate: key.autoRotate,
      rotation_interval: key.rotationInterval,
      last_rotation_at: toApiTime(key.lastRotationAt),
      key_rotation_at: toApiTime(key.rotationAt),
      litellm_budget_table: this.#budgetTable(key, linked),
      object_permission: null,
    };
  }
}

/** The owner's data, with the fields that the contract keeps there; tags too, where clients read rows. */
function shownMetadata(key: VirtualKey, withTags: boolean): Record<string, unknown> {
  return {
    ...key.metadata,
    ...foldedOf(key),
    ...(key.rpmLimitType !== null && { rpm_limit_type: key.rpmLimitType }),
    ...(key.tpmLimitType !== null && { tpm_limit_type: key.tpmLimitType }),
    ...(Object.keys(key.tagRpmLimits).length > 0 && { tag_rpm_limit: key.tagRpmLimits }),
    ...(key.throttleOnBudgetExceeded && { throttle_on_budget_exceeded: true }),
    ...(key.customerBudgetId !== null && { end_user_budget_id: key.customerBudgetId }),
    ...(key.serviceAccountId !== null && { service_account_id: key.serviceAccountId }),
    ...(withTags && key.tags.length > 0 && { tags: key.tags }),
  };
}

/** A label stands where a key has no alias of its own. */
function shownAlias(key: VirtualKey): string | null {
  return key.alias ?? key.label;
}

/** What has become of a key. */
function fateOf({ isSuspended, deletedAt, deletedBy, status }: KeyView): Record<string, unknown> {
  return {
    ...(isSuspended ? { blocked: true } : {}),
    ...(deletedAt === null ? {} : { deleted_at: toApiTime(deletedAt), deleted_by: deletedBy }),
    status,
  };
}
