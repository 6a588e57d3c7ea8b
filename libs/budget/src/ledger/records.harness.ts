import { dayOf, NO_USAGE, type Principal } from '#libs/kernel';
import type { Config } from '#libs/config';
import { principal } from '../../../../test/harness/caller.js';
import type { BeginRecord, EndRecord } from '../ledger.js';
import { RecordedCaller } from '../spool/recorded-caller.js';
import type { SpendLedger } from './spend-ledger.js';

/** Records and callers for the tests of this room. */
let number = 0;

/** Of a key `k1` of nobody's, where nothing else is said. */
export function recordedCaller(over: Partial<RecordedCaller>): RecordedCaller {
  const { keyId = 'k1', keyHash = 'h', userId = null, teamId = null, organizationId = null } = over;
  return new RecordedCaller(keyId, keyHash, userId, teamId, organizationId);
}

export function beginRecord(over: Partial<BeginRecord> = {}): BeginRecord {
  const id = over.id ?? `req_${(number += 1).toString().padStart(6, '0')}`;
  const startedAtMs = over.startedAtMs ?? Date.UTC(2026, 10, 21, 12);
  return {
    id,
    requestId: id,
    day: dayOf(startedAtMs),
    startedAtMs,
    endpoint: 'chat',
    charges: [{ scope: { type: 'key', id: 'k1' }, budget: 'total', periodId: 'total' }],
    crashChargeNanoUsd: 900n,
    priceVersion: 'v',
    modelGroup: 'g',
    model: 'm',
    provider: 'openai',
    deploymentId: 'd',
    apiBase: 'https://x',
    stream: false,
    caller: recordedCaller({}),
    customerId: null,
    tags: [],
    clientCallId: null,
    sessionId: null,
    requesterIp: null,
    userAgent: null,
    ...over,
  };
}

export function endRecord(id: string, costNanoUsd = 10n, over: Partial<EndRecord> = {}): EndRecord {
  return {
    id,
    endedAtMs: Date.UTC(2026, 10, 21, 12, 0, 1),
    firstByteAtMs: null,
    status: 'success',
    flag: '',
    usage: { ...NO_USAGE, inputTokens: 3, outputTokens: 4 },
    costNanoUsd,
    inputCostNanoUsd: costNanoUsd,
    outputCostNanoUsd: 0n,
    error: null,
    responseId: null,
    ...over,
  };
}

/** A call from its begin to its end; resolves when the end is durable. */
export function spend(ledger: SpendLedger, begin = beginRecord(), cost = 10n): Promise<void> {
  return new Promise((resolve, reject) => {
    ledger.begin(begin, (refused) => {
      if (refused) return reject(refused);
      ledger.end(endRecord(begin.id, cost), (failed) => (failed ? reject(failed) : resolve()));
    });
  });
}

export function keyPrincipal(over: Partial<Principal> = {}): Principal {
  return principal({
    displayName: 'k1',
    key: { id: 'k1', hash: 'secret-hash', alias: 'ci', maskedName: 'sk-...abcd' },
    spendScopes: [{ type: 'key', id: 'k1' }],
    ...over,
  });
}

export function testConfig(dataDir: string, rollover = false): Config {
  const budgets = {
    timezone: 'UTC',
    resetTime: '00:00',
    exceededStatus: 422,
    applyUserBudgetToTeamKeys: false,
    blockUnpricedModels: false,
    maxWaitMs: 30_000,
    rollover,
  };
  return { server: { dataDir }, budgets } as unknown as Config;
}
