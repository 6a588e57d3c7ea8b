import { Injectable } from '@nestjs/common';
import type { VirtualKey } from '#libs/database';
import { type NanoUsd, usdNumber } from '#libs/kernel';
import type { IssuedKey, KeyView } from '#libs/tenancy';
import { BudgetCalendar } from '../http/budget-calendar.js';
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
  constructor(private readonly calendar: BudgetCalendar) {}

  /** The one answer that carries the raw key. */
  issued({ key, raw }: IssuedKey, echo: Echo, spent: NanoUsd): Record<string, unknown> {
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
      metadata: key.metadata,
      tpm_limit: key.tpmLimit,
      rpm_limit: key.rpmLimit,
      budget_duration: key.budgetDuration,
      budget_limits: null,
      allowed_cache_controls: [],
      config: {},
      permissions: {},
      model_max_budget: {},
      budget_fallbacks: null,
      model_rpm_limit: null,
      model_tpm_limit: null,
      mcp_rpm_limit: null,
      tag_rpm_limit: null,
      guardrails: null,
      policies: null,
      prompts: null,
      blocked: echo.blocked ?? (key.blocked || null),
      aliases: key.aliases,
      object_permission: null,
      key: raw,
      tpd_limit: null,
      default_estimated_output_tokens: null,
      default_estimated_output_tokens_per_model: null,
      budget_id: null,
      end_user_budget_id: null,
      tags: orNull(key.tags),
      disable_global_guardrails: null,
      enable_prompt_caching: null,
      throttle_on_budget_exceeded: null,
      enforced_params: null,
      allowed_routes: key.allowedRoutes,
      allowed_passthrough_routes: null,
      denied_passthrough_routes: null,
      allowed_vector_store_indexes: null,
      rpm_limit_type: null,
      tpm_limit_type: null,
      router_settings: null,
      access_group_ids: null,
      key_name: echo.label ?? key.maskedName,
      key_type: key.keyType,
      expires: toApiTime(key.expiresAt),
      token_id: key.tokenHash,
      organization_id: key.organizationId,
      project_id: key.projectId,
      litellm_budget_table: null,
      token: key.tokenHash,
      created_by: key.createdBy,
      updated_by: key.updatedBy,
      created_at: toApiTime(key.createdAt),
      updated_at: toApiTime(key.updatedAt),
      ...(key.customerId === null ? {} : { end_user_id: key.customerId }),
    };
  }

  /** The row as `/key/update` and `/key/block` answer it. */
  row(key: VirtualKey, spent: NanoUsd): Record<string, unknown> {
    return { token: key.tokenHash, ...this.#columns(key, spent), object_permission: null };
  }

  /** The row as `/key/info` answers it: without the hash, with what has become of the key. */
  info(view: KeyView): Record<string, unknown> {
    return {
      ...this.#columns(view.key, view.spentNanoUsd),
      ...(view.deletedAt === null
        ? {}
        : { deleted_at: toApiTime(view.deletedAt), deleted_by: view.deletedBy }),
      status: view.status,
    };
  }

  /** The full object of a list: the shape of the contract's auth record, where the organization is `org_id`. */
  listed(view: KeyView): Record<string, unknown> {
    const { organization_id: organization, ...columns } = this.#columns(view.key, view.spentNanoUsd);
    return { token: view.key.tokenHash, ...columns, org_id: organization, status: view.status };
  }

  #columns(key: VirtualKey, spent: NanoUsd): Record<string, unknown> {
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
      metadata: key.tags.length === 0 ? key.metadata : { ...key.metadata, tags: key.tags },
      tags: orNull(key.tags),
      blocked: key.blocked,
      tpm_limit: key.tpmLimit,
      rpm_limit: key.rpmLimit,
      tpd_limit: null,
      budget_duration: key.budgetDuration,
      budget_reset_at: toApiTime(this.calendar.resetsAt(key)),
      allowed_cache_controls: [],
      allowed_routes: key.allowedRoutes,
      key_type: key.keyType,
      policies: [],
      access_group_ids: [],
      model_spend: {},
      model_max_budget: {},
      budget_fallbacks: {},
      budget_id: null,
      budget_limits: null,
      organization_id: key.organizationId,
      object_permission_id: null,
      created_at: toApiTime(key.createdAt),
      created_by: key.createdBy,
      updated_at: toApiTime(key.updatedAt),
      updated_by: key.updatedBy,
      settings_updated_at: toApiTime(key.settingsUpdatedAt),
      last_active: toApiTime(key.lastActiveAt),
      rotation_count: key.rotationCount,
      auto_rotate: false,
      rotation_interval: null,
      last_rotation_at: toApiTime(key.lastRotationAt),
      key_rotation_at: null,
      litellm_budget_table: null,
      object_permission: null,
    };
  }
}

/** A label stands where a key has no alias of its own. */
function shownAlias(key: VirtualKey): string | null {
  return key.alias ?? key.label;
}
