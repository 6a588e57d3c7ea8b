import type { AlertChannel } from '#libs/config';
import type { Letter } from './letter.js';
import { post } from './post.js';

const TYPES: Readonly<Record<string, string>> = {
  rate_limit_burst: 'rate_limit_bursts',
  auth_failure_burst: 'auth_failure_bursts',
};
/** Events that somebody should act on now. */
const HIGH: ReadonlySet<string> = new Set(['budget_crossed', 'auth_failure_burst']);

/** What kind of alert an event is, in the words of `alert_types`. */
export function typeOf(event: string): string {
  return TYPES[event] ?? 'budget_alerts';
}

/** A Slack incoming webhook, in the contract's layout. An address for other types has nothing to do with this one. */
export async function sendSlack(
  { url, types }: Extract<AlertChannel, { kind: 'slack' }>,
  { event, payload }: Letter,
): Promise<void> {
  const type = typeOf(event);
  if (types !== undefined && !types.includes(type)) return;
  const at = String(payload['at'] ?? '').slice(11, 19);
  const level = HIGH.has(event) ? 'High' : 'Medium';
  const text = `Alert type: \`${type}\`\nLevel: \`${level}\`\nTimestamp: \`${at}\`\n\nMessage: ${plain(payload['event_message'])}`;
  await post(url.reveal(), JSON.stringify({ text }), {});
}

/** Names are other people's to choose: what would be a link or a call to a channel is shown as it was written. */
function plain(text: unknown): string {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
