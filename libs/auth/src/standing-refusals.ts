import type { GatewayError, Principal } from '#libs/kernel';
import type { CallerRecord } from '#libs/tenancy';
import { type CallerStanding, standingOf } from './compiled-key.js';
import { expiryRefusalOf, refusalOf } from './standing-refusal.js';

/** Everything in its rows that keeps a caller out, in the order in which it is asked: with the first out of the way, the second would. */
export function standingRefusals(record: CallerRecord, principal: Principal, nowMs: number): GatewayError[] {
  const refusals: GatewayError[] = [];
  const expired = expiryRefusalOf(principal, nowMs);
  let left = record;
  for (let standing = standingOf(left); standing !== 'good'; standing = standingOf(left)) {
    const refusal = refusalOf(standing, principal);
    if (refusal === undefined) break;
    refusals.push(refusal);
    // Nothing can be asked of a team that is not there.
    if (standing === 'team_missing') break;
    left = without(standing, left);
  }
  if (expired === undefined) return refusals;
  // A blocked key or user comes before the key's end, the rest after it.
  const first = refusals.filter(({ code }) => code === 'auth.key_blocked' || code === 'auth.user_blocked');
  return [...first, expired, ...refusals.slice(first.length)];
}

function without(standing: CallerStanding, record: CallerRecord): CallerRecord {
  const unblocked = <Row extends { blocked: boolean }>(row: Row | null): Row | null =>
    row && Object.assign(Object.create(row) as Row, { blocked: false });
  switch (standing) {
    case 'key_blocked':
      return { ...record, key: unblocked(record.key) };
    case 'user_blocked':
      return { ...record, user: null };
    case 'team_blocked':
      return { ...record, team: unblocked(record.team) };
    case 'project_blocked':
      return { ...record, project: unblocked(record.project) };
    case 'customer_blocked':
      return { ...record, customer: unblocked(record.customer) };
    default:
      return record;
  }
}
