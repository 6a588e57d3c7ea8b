import type { ErrorCode } from '#libs/kernel';

/** The words that operators' scripts search logs for, by the failure they stand for. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  'auth.credential_missing': 'Authentication failed',
  'auth.credential_malformed': 'Authentication failed',
  'auth.credential_unknown': 'Authentication failed',
  'auth.key_blocked': 'Authentication failed',
  'auth.key_expired': 'Authentication failed: Token Expired',
  'auth.team_blocked': 'Authentication failed',
  'auth.user_blocked': 'Authentication failed',
  'ratelimit.exceeded': 'rate_limit_exceeded',
  'routing.model_unknown': 'model not found',
};

/** What a log line about this failure must contain literally, or undefined. An outage is never called a failed authentication. */
export function greppableWords(code: ErrorCode): string | undefined {
  return WORDS[code];
}
