import type { AuditTrail } from '#libs/audit';
import type { Config } from '#libs/config';
import { type Changes, VirtualKey, withTransaction } from '#libs/database';
import type { Secret } from '#libs/kernel';
import type { RuntimeStore } from '#libs/runtime';
import type { DataSource, EntityManager } from 'typeorm';
import { applyPlan } from './apply.js';
import type { Noun } from './draft.js';
import { accessGroups, graces, keyIdOf, keys } from './keys.js';
import { credentials, models } from './models.js';
import { Omissions } from './omissions.js';
import { budgets, customers, organizationMembers, organizations, projects, tags, users } from './people.js';
import { type Plan, planNoun, type PlanOptions } from './plan.js';
import type { Source } from './source.js';
import { carrySpend, type Linked } from './spend.js';
import { teamMembers, teams } from './teams.js';
import { claimOf, invitations, keyMappings } from './ways-in.js';
import { record } from './values.js';

export interface ImportTarget {
  readonly dataSource: DataSource;
  readonly changes: Changes;
  readonly audit: AuditTrail;
  readonly store: RuntimeStore;
  readonly config: Config;
}

export interface Imported {
  readonly plans: readonly Plan[];
  readonly omissions: Omissions;
}

/** Brings over what a source holds, a transaction for each noun; a dry run only compares. Run again, it carries on where it was cut short. */
export async function runImport(
  source: Source,
  target: ImportTarget,
  { isDry, saltKeys }: { readonly isDry: boolean; readonly saltKeys: readonly Secret[] },
  omissions = new Omissions(),
): Promise<Imported> {
  for (const [table, rows] of source.others)
    omissions.add(`tables that are not read (${table}: ${rows} rows)`, table);
  const plans: Plan[] = [];
  const shared = new Map<string, Readonly<Record<string, unknown>>>();
  const linked: Linked = (id) => (typeof id === 'string' ? shared.get(id) : undefined);
  const { dataSource, config, store } = target;

  const take: Take = async (noun, options) => {
    const plan = isDry
      ? await planNoun(dataSource.manager, noun, omissions, options)
      : await withTransaction(dataSource, { system: 'import' }, async (manager) => {
          const planned = await planNoun(manager, noun, omissions, options);
          await applyPlan(manager, planned, target);
          await carrySpend(manager, planned, linked, config, target.changes);
          return planned;
        });
    plans.push(plan);
    return plan;
  };

  if (source.ofFile !== true) await takePeopleAndKeys(source, omissions, dataSource.manager, take, shared);
  const credential = credentials(source, omissions, saltKeys, store);
  await take(credential);
  const known = await store.credentialsByName(dataSource.manager, config.credentials);
  for (const { name, columns } of credential.drafts)
    if (!known.has(name))
      known.set(name, { values: record(columns['values']), info: record(columns['info']) });
  await take(models(source, omissions, saltKeys, store, config, known));
  return { plans, omissions };
}

type Take = (noun: Noun, options?: PlanOptions) => Promise<Plan>;

async function takePeopleAndKeys(
  source: Source,
  omissions: Omissions,
  manager: EntityManager,
  take: Take,
  shared: Map<string, Readonly<Record<string, unknown>>>,
): Promise<void> {
  const budgetRows = budgets(source, omissions);
  for (const { id, columns } of budgetRows.drafts) shared.set(id, columns);
  await take(budgetRows);
  const organization = await take(organizations(source, omissions));
  const user = await take(users(source, omissions));
  const isKnown = { user, organization };
  await take(organizationMembers(source, omissions, (noun, id) => isKnown[noun].ids.has(id)));
  const team = await take(teams(source, omissions));
  const inTeams = { user, team };
  await take(teamMembers(source, omissions, (noun, id) => inTeams[noun].ids.has(id)));
  await take(projects(source, omissions, (id) => team.ids.has(id)));
  await take(customers(source, omissions));
  await take(tags(source, omissions));
  const idOfHash = await takeKeys(source, omissions, manager, take);
  await take(graces(source, idOfHash.unlessRotated, new Date()));
  await take(keyMappings(source, omissions, idOfHash.always), {
    match: (rows) => {
      const byClaim = new Map(rows.map((row) => [claimOf(row), row]));
      return ({ once }) => byClaim.get(claimOf(once));
    },
  });
  await take(invitations(source, omissions, (id) => user.ids.has(id), new Date()));
  await take(accessGroups(source, omissions, idOfHash.always), {
    match: (rows) => {
      const byName = new Map(rows.map((row) => [row['name'], row]));
      return ({ columns }) => byName.get(columns['name']);
    },
  });
}

/** How a key's hash there names its row here: also when its secret was rotated here since, or not then. */
interface KeysByHash {
  readonly always: (tokenHash: string) => string | undefined;
  /** For former secrets: who rotated a key here meant its earlier ones to end. */
  readonly unlessRotated: (tokenHash: string) => string | undefined;
}

async function takeKeys(
  source: Source,
  omissions: Omissions,
  manager: EntityManager,
  take: Take,
): Promise<KeysByHash> {
  const noun = keys(source, omissions);
  const archived: { hash: string }[] = await manager.query('SELECT token_hash AS hash FROM archived_keys');
  const byHash = new Map<string, string>();
  const there = new Set(source.rows('VerificationToken').map(({ token }) => String(token).toLowerCase()));
  const plan = await take(noun, {
    // A secret that was taken out of use here is not put back, whatever id its key had.
    gone: new Set(archived.map(({ hash }) => keyIdOf(hash))),
    match: (rows) => {
      const rowOf = new Map<unknown, VirtualKey>();
      for (const row of rows as VirtualKey[]) {
        rowOf.set(row.tokenHash, row);
        byHash.set(row.tokenHash, row.id);
        const isLeftOver = row.id === keyIdOf(row.tokenHash) && !there.has(row.tokenHash) && !row.blocked;
        if (isLeftOver)
          omissions.add(
            'keys: gone from LiteLLM since an earlier import, still open here',
            row.alias ?? row.id,
          );
      }
      return ({ once }) => rowOf.get(once['tokenHash']);
    },
  });
  const fresh = new Set(plan.fresh.map(({ id }) => id));
  const within = (ids: ReadonlySet<string>) => (hash: string) =>
    byHash.get(hash) ?? (ids.has(keyIdOf(hash)) ? keyIdOf(hash) : undefined);
  return { always: within(plan.ids), unlessRotated: within(fresh) };
}
