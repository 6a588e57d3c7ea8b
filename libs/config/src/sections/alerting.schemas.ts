import { z } from 'zod';
import { positiveCount, secondsAsMs, text, textList } from './fields.js';

/** What is told. The first is the contract's; the others are ours. */
export const ALERT_TYPES = ['budget_alerts', 'rate_limit_bursts', 'auth_failure_bursts'] as const;
export type AlertType = (typeof ALERT_TYPES)[number];

/** What LiteLLM could tell and this version cannot: accepted in `alert_types`, and said so. */
export const UNBUILT_ALERT_TYPES: readonly string[] = [
  'llm_exceptions',
  'llm_too_slow',
  'llm_requests_hanging',
  'spend_reports',
  'failed_tracking_spend',
  'user_spend_thresholds',
  'user_spend_anomalies',
  'db_exceptions',
  'daily_reports',
  'cooldown_deployment',
  'new_model_added',
  'model_deprecation_warnings',
  'outage_alerts',
  'region_outage_alerts',
  'fallback_reports',
  'new_virtual_key_created',
  'virtual_key_updated',
  'virtual_key_deleted',
  'new_team_created',
  'team_updated',
  'team_deleted',
  'new_internal_user_created',
  'internal_user_updated',
  'internal_user_deleted',
];

const percent = z
  .number()
  .min(1, 'expected per cents from 1 to 100')
  .max(100, 'expected per cents from 1 to 100');

/** `general_settings`, the part about alerts. */
export const alertingSettings = {
  alerting: textList,
  alert_types: textList,
  alert_to_webhook_url: z.record(text, z.union([text, z.array(text).max(20)])),
  alerting_args: z.looseObject({
    /** Ours: the parts of a budget that are told, in per cent. */
    budget_alert_thresholds: z.array(percent).max(20).optional(),
    /** Ours: so many refusals within the window are a burst. */
    burst_size: positiveCount.optional(),
    burst_window: secondsAsMs.optional(),
    email_recipients: textList.optional(),
  }),
};
