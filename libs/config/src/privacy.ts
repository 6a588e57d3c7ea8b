import type { Sections } from './sections.js';

export interface PrivacySettings {
  /** `anonymize_logs`: whoever reads the request log, process logs or exports learns pseudonyms. */
  readonly anonymizeLogs: boolean;
  /** Days of the request log that are kept; absent: all. */
  readonly retentionDays?: number;
  /** Of prompts and answers; never longer than the log they belong to. */
  readonly promptRetentionDays?: number;
  readonly auditRetentionDays?: number;
  /** Bytes of a request and of an answer that are kept where prompts are stored. */
  readonly maxPromptBytes: number;
}

/** Whose names are written down, and how long what was written is kept. */
export function readPrivacy({ general }: Sections): PrivacySettings {
  // Of two settings for the same thing the stricter one counts.
  const said = [general.data_retention_days, general.maximum_spend_logs_retention_period];
  const retentionDays = least(said);
  const promptRetentionDays = least([general.prompt_retention_days, retentionDays]);
  return {
    anonymizeLogs: general.anonymize_logs ?? false,
    ...(retentionDays === undefined ? {} : { retentionDays }),
    ...(promptRetentionDays === undefined ? {} : { promptRetentionDays }),
    ...(general.audit_retention_days === undefined
      ? {}
      : { auditRetentionDays: general.audit_retention_days }),
    maxPromptBytes: (general.max_stored_prompt_kb ?? 64) * 1024,
  };
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
