import { type AuditTrail, NOBODY } from '#libs/audit';
import type { ChangeNoun, Changes } from '#libs/database';
import type { EntityManager } from 'typeorm';
import type { ChangedRow, Plan } from './plan.js';

export const ACTOR = 'tollgate import';
/** Rows of one statement: PostgreSQL takes 65,535 parameters. */
const AT_ONCE = 200;
const SHOWN = 20;

/** Writes what was planned, tells every process, and records it once, all in the caller's transaction. */
export async function applyPlan(
  manager: EntityManager,
  plan: Plan,
  { changes, audit }: { readonly changes: Changes; readonly audit: AuditTrail },
): Promise<void> {
  const { noun, fresh, changed, same } = plan;
  if (fresh.length + changed.length === 0) return;
  const seal = noun.seal ?? ((_manager, _id, columns) => Promise.resolve(columns));
  for (let at = 0; at < fresh.length; at += AT_ONCE) {
    const rows: object[] = [];
    for (const { identity, columns, once } of fresh.slice(at, at + AT_ONCE))
      rows.push({ ...identity, ...once, ...(await seal(manager, String(identity['id']), columns)) });
    await manager.insert(noun.entity, rows as never);
  }
  for (const row of changed) await update(manager, plan, row, seal);
  await changes.publishAll(manager, touched(plan));
  await audit.record(manager, {
    actor: { ...NOBODY, userId: ACTOR },
    action: fresh.length > 0 ? 'created' : 'updated',
    noun: noun.change,
    nounId: ACTOR,
    after: {
      imported: { new: fresh.length, changed: changed.length, same },
      new: fresh.slice(0, SHOWN).map(({ id }) => id),
      changed: changed
        .slice(0, SHOWN)
        .map(({ draft, columns }) => ({ id: draft.id, columns: Object.keys(columns) })),
    },
  });
}

async function update(
  manager: EntityManager,
  { noun }: Plan,
  { draft, where, columns }: ChangedRow,
  seal: NonNullable<Plan['noun']['seal']>,
): Promise<void> {
  const period =
    'budgetDuration' in columns
      ? { budgetAnchorAt: columns['budgetDuration'] === null ? null : new Date(), budgetResetAt: null }
      : {};
  const hasAge = manager.connection.getMetadata(noun.entity).propertiesMap['updatedAt'] !== undefined;
  const wanted = noun.seal ? { ...draft.columns, ...keptBlock(draft.columns, columns) } : columns;
  const sealed = await seal(manager, String(where['id']), wanted);
  await manager.update(noun.entity, where, {
    ...sealed,
    ...period,
    ...(hasAge ? { updatedAt: new Date() } : {}),
  } as never);
}

/** A sealed row is written whole, but a block that is to stay is no difference. */
function keptBlock(
  all: Record<string, unknown>,
  differing: Record<string, unknown>,
): Record<string, unknown> {
  return 'blocked' in all && !('blocked' in differing) ? { blocked: undefined } : {};
}

function touched({ noun, fresh, changed }: Plan): { noun: ChangeNoun; id: string }[] {
  const { change } = noun;
  if (change === 'invitation') return [];
  const drafts = [...fresh, ...changed.map(({ draft }) => draft)];
  const names = drafts.flatMap(({ id, told: more = [] }) => [id, ...more]);
  const told: { noun: ChangeNoun; id: string }[] = names.map((id) => ({ noun: change, id }));
  for (const { once } of drafts)
    if (typeof once['tokenHash'] === 'string') told.push({ noun: 'key_hash', id: once['tokenHash'] });
  return told;
}
