import type { Config, CredentialEntry } from '#libs/config';
import { ProxyModel, readLiteLLMCiphertext, StoredCredential } from '#libs/database';
import type { Secret } from '#libs/kernel';
import { checkModel, type RuntimeStore } from '#libs/runtime';
import type { Draft, Noun } from './draft.js';
import type { Omissions } from './omissions.js';
import { authorshipOf } from './origin.js';
import type { Source } from './source.js';
import { record, text } from './values.js';

/** A nonce and a tag in base64 at least; what begins like a provider's key is one, in clear. */
const SEALED = /^(?:v2:gcm:|(?!sk-|AKIA|AIza|eyJ)[A-Za-z0-9_\-+/]{54,}={0,2}$)/;

/** What LiteLLM sealed, opened; LiteLLM itself takes what does not open as it stands. `unreadable`: sealed with another key. */
export function openSealed(
  values: Readonly<Record<string, unknown>>,
  saltKeys: readonly Secret[],
): { readonly values: Record<string, unknown>; readonly unreadable: boolean } {
  let hasOpened = false;
  let looksSealed = false;
  const open = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(open);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, open(one)]));
    if (typeof value !== 'string') return value;
    for (const key of saltKeys) {
      const opened = readLiteLLMCiphertext(value, key);
      if (opened === undefined) continue;
      hasOpened = true;
      return opened;
    }
    looksSealed ||= SEALED.test(value);
    return value;
  };
  const opened = open(values) as Record<string, unknown>;
  return { values: opened, unreadable: looksSealed && !hasOpened };
}

function openOf(
  source: Source,
  values: Record<string, unknown>,
  saltKeys: readonly Secret[],
): ReturnType<typeof openSealed> {
  return source.ofFile === true ? { values, unreadable: false } : openSealed(values, saltKeys);
}

export function credentials(
  source: Source,
  omissions: Omissions,
  saltKeys: readonly Secret[],
  store: RuntimeStore,
): Noun {
  const drafts = source.rows('CredentialsTable').flatMap((row): Draft[] => {
    const name = String(row['credential_name']);
    const { values, unreadable } = openOf(source, record(row['credential_values']), saltKeys);
    if (unreadable) {
      omissions.add('credentials: sealed with another salt key (see --salt-key-env)', name);
      return [];
    }
    const columns = { displayName: text(row['display_name']), info: record(row['credential_info']), values };
    const once = { ...authorshipOf(row), name };
    return [{ id: name, name, identity: { id: String(row['credential_id']) }, columns, once }];
  });
  return {
    label: 'credentials',
    change: 'credential',
    entity: StoredCredential,
    drafts,
    idOf: (row) => String(row['name']),
    open: async (manager, row) => ({
      values: (await store.openCredential(manager, row as StoredCredential)).values,
    }),
    seal: async (manager, id, { values, ...plain }) => ({
      ...plain,
      secrets: await store.sealCredential(manager, id, values as object),
    }),
  };
}

/** `known`: what the models' credentials are, ours and those that come along. */
export function models(
  source: Source,
  omissions: Omissions,
  saltKeys: readonly Secret[],
  store: RuntimeStore,
  config: Config,
  known: ReadonlyMap<string, CredentialEntry>,
): Noun {
  const ofFile = new Set(config.models.map(({ info }) => info['id']));
  const drafts = source.rows('ProxyModelTable').flatMap((row): Draft[] => {
    const id = String(row['model_id']);
    const info = record(row['model_info']);
    const teamId = text(info['team_id']);
    const modelName =
      (teamId === null ? null : text(info['team_public_model_name'])) ?? String(row['model_name']);
    const name = `${modelName} (${id})`;
    const { values: params, unreadable } = openOf(source, record(row['litellm_params']), saltKeys);
    const problem = unreadable
      ? 'sealed with another salt key (see --salt-key-env)'
      : ofFile.has(id)
        ? 'the configuration file has one of that id'
        : problemOf(
            { name: modelName, params, info },
            known,
            teamId === null ? config.environment : undefined,
          );
    if (problem !== undefined) {
      omissions.add(`models: ${problem}`, name);
      return [];
    }
    const {
      id: _id,
      team_id: _team,
      team_public_model_name: _public,
      db_model: _db,
      blocked: _blocked,
      ...kept
    } = info;
    const blocked = row['blocked'] === true || info['blocked'] === true;
    // What a team made may not reach for what the proxy holds; LiteLLM does not say who made it.
    const columns = { modelName, params, info: kept, blocked };
    const once = { ...authorshipOf(row), teamId, trusted: teamId === null };
    return [{ id, name, identity: { id }, columns, once }];
  });
  return {
    label: 'models',
    change: 'model',
    entity: ProxyModel,
    drafts,
    idOf: (row) => String(row['id']),
    open: async (manager, row) => ({ params: (await store.openModel(manager, row as ProxyModel)).params }),
    seal: async (manager, id, { params, ...plain }) => ({
      ...plain,
      ...(await store.sealParams(manager, id, params as Record<string, unknown>)),
    }),
  };
}

/** Why it could not be served here; undefined when it could. */
function problemOf(...model: Parameters<typeof checkModel>): string | undefined {
  const { problem } = checkModel(...model);
  return problem && `${problem.path}: ${problem.message}`;
}
