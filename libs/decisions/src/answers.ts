import { type Change, type Scope, SCOPE_TYPES } from '#libs/kernel';
import type { Pseudonyms } from '#libs/telemetry';
import { z } from 'zod';
import { type Check, CHECK_NAMES } from './check.js';
import type { Decision, Subject } from './decision.js';

/** `own`: what the caller may know of itself. `all`: for whoever administers it. */
export type View = 'own' | 'all';

const scope = z.object({ type: z.string(), id: z.string().nullable() });
const change = z.object({
  action: z.string(),
  scope: scope.nullable(),
  field: z.string().nullable(),
  value: z.union([z.string(), z.number(), z.boolean()]).nullable(),
});

/** One check, in the order of the list. */
const check = z.object({
  check: z.enum(CHECK_NAMES),
  scope: scope.nullable(),
  verdict: z.enum(['passed', 'refused', 'not_reached']),
  reason: z.string().optional(),
  dimension: z.string().optional(),
  budget: z.string().optional(),
  limit: z.union([z.number(), z.string()]).optional(),
  current: z.union([z.number(), z.string()]).optional(),
  resets_at: z.string().optional(),
});

const wouldAllow = z.object({
  /** Sentences, one for each thing that stands in the way. */
  text: z.array(z.string()),
  changes: z.array(change),
  /** When all of it passes by itself; null: waiting does not help. */
  wait_until: z.string().nullable(),
});

export const CHECKS_ANSWER = { checks: z.array(check), would_allow: wouldAllow.nullable() };

export const DECISION_ANSWER = z.object({
  decision_id: z.string(),
  at: z.string(),
  allowed: z.literal(false),
  status: z.int(),
  reason: z.string(),
  message: z.string(),
  route: z.string(),
  model: z.string().nullable(),
  request_id: z.string().nullable(),
  subject: z
    .object({
      credential: z.string(),
      role: z.string(),
      key_id: z.string().nullable(),
      user_id: z.string().nullable(),
      team_id: z.string().nullable(),
      organization_id: z.string().nullable(),
      customer_id: z.string().nullable(),
    })
    .nullable(),
  ...CHECKS_ANSWER,
});

export function toDecisionAnswer(
  decision: Decision,
  view: View,
  pseudonyms: Pseudonyms,
): z.infer<typeof DECISION_ANSWER> {
  return {
    decision_id: decision.id,
    at: decision.at.toISOString(),
    allowed: false,
    status: decision.status,
    reason: decision.code,
    message: withoutNames(decision, pseudonyms),
    route: decision.route,
    model: decision.model,
    request_id: decision.requestId,
    subject: decision.subject && toSubjectAnswer(decision.subject, pseudonyms),
    ...toChecksAnswer(decision.checks, view, pseudonyms),
  };
}

/** Sentences name users and customers, as the client's own answer did. */
function withoutNames({ message, subject }: Decision, pseudonyms: Pseudonyms): string {
  let text = message;
  if (!pseudonyms.areOn || subject === null) return text;
  const { userId, customerId } = subject;
  if (userId !== null) text = text.replaceAll(userId, pseudonyms.of('user', userId));
  if (customerId !== null) text = text.replaceAll(customerId, pseudonyms.of('customer', customerId));
  return text;
}

export function toSubjectAnswer(
  subject: Subject,
  pseudonyms: Pseudonyms,
): NonNullable<z.infer<typeof DECISION_ANSWER>['subject']> {
  return {
    credential: subject.credential,
    role: subject.role,
    key_id: subject.keyId,
    user_id: pseudonyms.of('user', subject.userId),
    team_id: subject.teamId,
    organization_id: subject.organizationId,
    customer_id: pseudonyms.of('customer', subject.customerId),
  };
}

/** What may be told of the checks: of others' scopes a caller learns the verdict, and of the first refusal what its error said. */
export function toChecksAnswer(
  checks: readonly Check[],
  view: View,
  pseudonyms: Pseudonyms,
): { checks: z.infer<typeof check>[]; would_allow: z.infer<typeof wouldAllow> | null } {
  const refused = checks.filter(({ verdict }) => verdict === 'refused');
  const [first] = refused;
  const isTold = (one: Check): boolean => view === 'all' || one === first || isOwnScope(one.scope);
  const ends = refused.map(({ resetsAtMs }) => resetsAtMs);
  const known = ends.filter((end) => end !== undefined);
  return {
    checks: checks.map((one) => toCheckAnswer(one, isTold(one), view, pseudonyms)),
    would_allow:
      first === undefined
        ? null
        : {
            text: refused.flatMap((one) =>
              one.wouldAllow !== undefined && isTold(one) ? [one.wouldAllow] : [],
            ),
            changes: refused.flatMap((one) =>
              one.change === undefined ? [] : [toChangeAnswer(one.change, isTold(one), view, pseudonyms)],
            ),
            wait_until: known.length === ends.length ? new Date(Math.max(...known)).toISOString() : null,
          },
  };
}

function toCheckAnswer(
  { name, scope: of, verdict, code, dimension, budget, limit, current, resetsAtMs }: Check,
  isTold: boolean,
  view: View,
  pseudonyms: Pseudonyms,
): z.infer<typeof check> {
  return {
    check: name,
    scope: toScopeAnswer(of, view, pseudonyms),
    verdict,
    ...(code === undefined ? {} : { reason: code }),
    ...(dimension === undefined ? {} : { dimension }),
    ...(budget === undefined ? {} : { budget }),
    ...(isTold && limit !== undefined ? { limit } : {}),
    ...(isTold && current !== undefined ? { current } : {}),
    ...(isTold && resetsAtMs !== undefined ? { resets_at: new Date(resetsAtMs).toISOString() } : {}),
  };
}

function toChangeAnswer(
  { action, scope: of, field, value }: Change,
  isTold: boolean,
  view: View,
  pseudonyms: Pseudonyms,
): z.infer<typeof change> {
  // An address or an operator's list helps nobody but a prober.
  const isHidden = view === 'own' && (!isTold || action === 'allow_address');
  return {
    action,
    scope: toScopeAnswer(of, view, pseudonyms),
    field: field ?? null,
    value: isHidden
      ? null
      : action === 'allow_address'
        ? pseudonyms.of('ip', String(value))
        : (value ?? null),
  };
}

/** Whose settings the caller may read of its own refusals. */
const OWN: ReadonlySet<Scope['type']> = new Set([
  'key',
  'user',
  'team_member',
  'organization_member',
  'customer',
]);

function isOwnScope(of: Scope | undefined): boolean {
  if (of === undefined) return true;
  // `key:key_1:gpt-4o`: a model's limits belong to whom they were set for.
  const { type } = (of.type === 'model' ? ownerOf(of.id) : undefined) ?? of;
  return OWN.has(type);
}

function toScopeAnswer(
  of: Scope | undefined,
  view: View,
  pseudonyms: Pseudonyms,
): z.infer<typeof scope> | null {
  if (of === undefined) return null;
  const { type, id } = of;
  // Which upstreams there are is nobody's business outside.
  if (view === 'own' && (type === 'deployment' || type === 'provider')) return { type, id: null };
  if (type === 'user') return { type, id: pseudonyms.of('user', id) };
  if (type === 'customer') return { type, id: pseudonyms.of('customer', id) };
  if (type === 'team_member' || type === 'organization_member') {
    const at = id.indexOf(':');
    return { type, id: `${id.slice(0, at)}:${pseudonyms.of('user', id.slice(at + 1))}` };
  }
  const owner = type === 'model' ? ownerOf(id) : undefined;
  if (owner === undefined) return { type, id };
  const { id: ownersName } = toScopeAnswer(owner, view, pseudonyms) ?? owner;
  return { type, id: `${owner.type}:${ownersName}${id.slice(id.lastIndexOf(':'))}` };
}

/**
 * Whose limits of a model these are: `key:key_1:gpt-4o`. Names of both may have colons; the last one is taken, so that no part of a
 * person's name passes for one of a model.
 */
function ownerOf(id: string): Scope | undefined {
  const type = SCOPE_TYPES.find((each) => id.startsWith(`${each}:`));
  return type && { type, id: id.slice(type.length + 1, Math.max(type.length + 1, id.lastIndexOf(':'))) };
}
