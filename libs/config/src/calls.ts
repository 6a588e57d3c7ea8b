import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

export interface CallSettings {
  /** `litellm_settings.drop_params`. */
  readonly dropParams: boolean;
  /** `litellm_settings.max_tokens`: lowers a larger cap and sets a missing one. */
  readonly maxTokens?: number;
  readonly forwardClientHeaders: boolean;
  readonly forwardOpenAiOrganization: boolean;
  readonly allowClientCredentials: boolean;
  readonly enforceUserParam: boolean;
  /** `enforced_params`: members that every completion has to have, as paths; and those that calls of service accounts have to have besides. */
  readonly requiredParams: readonly string[];
  readonly serviceAccountParams: readonly string[];
  readonly rejectClientTags: boolean;
  /** Ids that providers give to what calls make there are sealed to who called; off with `disable_responses_id_security`. */
  readonly sealsObjectIds: boolean;
  readonly userHeaderName?: string;
  readonly storePrompts: boolean;
}

export interface LimitSettings {
  /** `litellm_settings.rpm/tpm`. */
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** `global_max_parallel_requests`. */
  readonly parallelRequests?: number;
  readonly windowMs: number;
  readonly tokenMeasure: 'total' | 'input' | 'output';
}

/** What callers may say in a call, what is passed on of it, and what is kept. */
export function readCalls({ general, litellm }: Sections): CallSettings {
  return {
    dropParams: litellm.drop_params ?? false,
    ...(litellm.max_tokens === undefined ? {} : { maxTokens: litellm.max_tokens }),
    forwardClientHeaders: general.forward_client_headers_to_llm_api ?? false,
    forwardOpenAiOrganization: general.forward_openai_org_id ?? false,
    allowClientCredentials: general.allow_client_side_credentials ?? false,
    enforceUserParam: general.enforce_user_param ?? false,
    requiredParams: general.enforced_params ?? [],
    serviceAccountParams: general.service_account_settings?.enforced_params ?? [],
    rejectClientTags: general.reject_clientside_metadata_tags ?? false,
    sealsObjectIds: general.disable_responses_id_security !== true,
    ...(general.user_header_name === undefined
      ? {}
      : { userHeaderName: general.user_header_name.toLowerCase() }),
    // "Turn message logging off" is a promise about content, so it wins over the wish to store prompts; so does the wish to know nobody.
    storePrompts:
      (general.store_prompts_in_spend_logs ?? false) &&
      litellm.turn_off_message_logging !== true &&
      general.anonymize_logs !== true,
  };
}

/** The limits of all callers together, and how limits are counted. */
export function readLimits(
  { general, litellm }: Sections,
  environment: Environment,
  findings: Findings,
): LimitSettings {
  return {
    ...(litellm.rpm === undefined ? {} : { requestsPerMinute: litellm.rpm }),
    ...(litellm.tpm === undefined ? {} : { tokensPerMinute: litellm.tpm }),
    ...(general.global_max_parallel_requests === undefined
      ? {}
      : { parallelRequests: general.global_max_parallel_requests }),
    windowMs: (environment.wholeNumber('LITELLM_RATE_LIMIT_WINDOW_SIZE', 1, 3600, findings) ?? 60) * 1000,
    tokenMeasure: general.token_rate_limit_type ?? 'total',
  };
}
