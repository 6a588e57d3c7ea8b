import { createHmac } from 'node:crypto';
import type { AlertChannel } from '#libs/config';
import type { Letter } from './letter.js';
import { post } from './post.js';

/**
 * The contract's body of a budget alert. `x-tollgate-signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of `SECONDS.BODY`: the time
 * is signed along, so that a receiver can refuse what somebody recorded and sends again.
 */
export async function sendWebhook(
  { url, secret }: Extract<AlertChannel, { kind: 'webhook' }>,
  { alertId, payload }: Letter,
): Promise<void> {
  const body = JSON.stringify(payload);
  const headers: Record<string, string> = { 'x-tollgate-alert-id': alertId };
  if (secret !== undefined) headers['x-tollgate-signature'] = signatureOf(body, secret.reveal(), Date.now());
  await post(url.reveal(), body, headers);
}

export function signatureOf(body: string, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}
