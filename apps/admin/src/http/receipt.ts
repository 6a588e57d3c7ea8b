import type { RevocationReceipt } from '#libs/database';

/**
 * A receipt as its header's value. `max_stale` stands there when somebody did not acknowledge: a replica that was cut off from the
 * store as a whole serves callers it knows for that many seconds at most; one that was only out of step serves nobody.
 */
export function receiptText({
  replicas,
  acknowledged,
  fenced,
  tookMs,
  isCertain,
}: RevocationReceipt): string {
  const facts = [
    `replicas=${replicas}`,
    `acknowledged=${acknowledged}`,
    `fenced=${fenced}`,
    `ms=${Math.ceil(tookMs)}`,
  ];
  if (fenced > 0 || !isCertain) facts.push('max_stale=60');
  if (!isCertain) facts.push('store=unreachable');
  return facts.join('; ');
}
