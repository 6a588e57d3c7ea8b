import type { LedgerEntry } from '#libs/database';
import type { SelectQueryBuilder } from 'typeorm';
import { DAY_MS, dayOf } from '#libs/kernel';
import type { View } from './view.js';

/** Which calls somebody asks for. Absent members ask for nothing. */
export interface LogFilter {
  readonly keyHash?: string | undefined;
  readonly keyAlias?: string | undefined;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly customerId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** The provider's id of the response, ours of the request, or the caller's. */
  readonly requestId?: string | undefined;
  readonly from?: Date | undefined;
  /** The instant itself still belongs. */
  readonly until?: Date | undefined;
  readonly minNanoUsd?: bigint | undefined;
  readonly maxNanoUsd?: bigint | undefined;
  readonly status?: 'success' | 'failure' | undefined;
  readonly model?: string | undefined;
  readonly deploymentId?: string | undefined;
  readonly modelGroup?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  /** Any of the names that a call is found by, exactly. */
  readonly search?: string | undefined;
}

/** Filters that are one column's value. */
const EQUAL = [
  'userId',
  'teamId',
  'customerId',
  'sessionId',
  'status',
  'model',
  'deploymentId',
  'modelGroup',
  'errorCode',
] as const;

export function narrowLog(query: SelectQueryBuilder<LedgerEntry>, view: View, filter: LogFilter): void {
  for (const name of EQUAL) {
    const value = filter[name];
    if (value !== undefined) query.andWhere(`entry.${name} = :${name}`, { [name]: value });
  }
  if (filter.keyHash !== undefined) {
    // A key keeps its id when it is regenerated, so the calls under its older secrets are found too. As an array, because an index takes it.
    query.andWhere(
      `entry.keyId = ANY(ARRAY(SELECT k.id FROM virtual_keys k WHERE k.token_hash = :keyHash
        UNION SELECT a.id FROM archived_keys a WHERE a.token_hash = :keyHash))`,
      { keyHash: filter.keyHash },
    );
  }
  if (filter.keyAlias !== undefined) {
    query.andWhere(
      'entry.keyId IN (SELECT k.id FROM virtual_keys k WHERE k.alias = :keyAlias OR k.label = :keyAlias)',
      {
        keyAlias: filter.keyAlias,
      },
    );
  }
  if (filter.requestId !== undefined) query.andWhere(BY_ID, { id: filter.requestId });
  if (filter.search !== undefined) {
    query.andWhere(
      `(${BY_ID} OR entry.sessionId = :id OR entry.userId = :id OR entry.customerId = :id OR entry.teamId = :id)`,
      {
        id: filter.search,
      },
    );
  }
  if (filter.minNanoUsd !== undefined)
    query.andWhere('entry.costNano >= :min', { min: filter.minNanoUsd.toString() });
  if (filter.maxNanoUsd !== undefined)
    query.andWhere('entry.costNano <= :max', { max: filter.maxNanoUsd.toString() });
  if (filter.errorMessage !== undefined)
    query.andWhere('strpos(lower(entry.errorMessage), lower(:said)) > 0', { said: filter.errorMessage });
  narrowByTime(query, filter);
  narrowByView(query, view);
}

const BY_ID = '(entry.responseId = :id OR entry.requestId = :id OR entry.clientCallId = :id)';

/** The partition's day is fixed at admission, so it may be a day older than the clock of a long call says. */
function narrowByTime(query: SelectQueryBuilder<LedgerEntry>, { from, until }: LogFilter): void {
  if (from !== undefined)
    query.andWhere('entry.startedAt >= :from AND entry.day >= :fromDay', {
      from,
      fromDay: dayOf(from.getTime() - DAY_MS),
    });
  if (until !== undefined)
    query.andWhere('entry.startedAt <= :until AND entry.day <= :untilDay', {
      until,
      untilDay: dayOf(until.getTime() + DAY_MS),
    });
}

/** Whoever has no name of its own owns no calls. */
function narrowByView(query: SelectQueryBuilder<LedgerEntry>, view: View): void {
  if (view.everything) return;
  const any: string[] = [];
  if (view.customerId !== undefined) any.push('entry.customerId = :ownCustomer');
  if (view.userId !== undefined) any.push('entry.userId = :ownUser');
  if (view.keyId !== undefined) any.push('entry.keyId = :ownKey');
  if (view.teamIds.length > 0) any.push('entry.teamId = ANY(:ownTeams)');
  if (view.organizationIds.length > 0) any.push('entry.organizationId = ANY(:ownOrganizations)');
  query.andWhere(any.length === 0 ? 'false' : `(${any.join(' OR ')})`, {
    ownCustomer: view.customerId,
    ownUser: view.userId,
    ownKey: view.keyId,
    ownTeams: view.teamIds,
    ownOrganizations: view.organizationIds,
  });
}
