import type { AuditReport, FoundEvent } from '#libs/audit';
import { pagesOf } from '../http/wire.js';
import { TABLE_NAMES } from './audit.schemas.js';

/** An event as the contract has it, and beside it what only we know: where it came from, and its place in the chain. */
export function toAuditRow(event: FoundEvent): object {
  return {
    id: event.id,
    updated_at: event.at,
    changed_by: event.actorUserId ?? '',
    changed_by_api_key: event.actorKeyId ?? '',
    action: event.action,
    table_name: TABLE_NAMES[event.noun] ?? event.noun,
    object_id: event.nounId,
    before_value: event.before,
    updated_values: event.after,
    ip_address: event.actorIp,
    request_id: event.requestId,
    chain: event.chain,
    sequence: event.seq === null ? null : Number(event.seq),
  };
}

export function toAuditPage(
  events: readonly FoundEvent[],
  total: number,
  { page, page_size: size }: { readonly page: number; readonly page_size: number },
): object {
  return {
    audit_logs: events.map(toAuditRow),
    total,
    page,
    page_size: size,
    total_pages: pagesOf(total, size),
  };
}

export function toReportAnswer({ isSound, findings, chains, erasedValues, keyIds }: AuditReport): object {
  return {
    sound: isSound,
    findings: findings.map(({ chain, seq, message }) => ({
      chain,
      sequence: seq === null ? null : Number(seq),
      message,
    })),
    chains: chains.map(({ chain, rows, provenUpTo, unsealed }) => ({
      chain,
      rows: Number(rows),
      proven_up_to: Number(provenUpTo),
      unsealed,
    })),
    erased_values: erasedValues,
    signed_by: keyIds,
  };
}
