import { findNearestName } from './nearest-name.js';
import type { Findings } from './problems.js';
import { hideSecrets, isPlainObject } from './secret-values.js';
import {
  GUARDING_INFO,
  GUARDING_PARAMS,
  isPriceName,
  modelInfo,
  modelParams,
  price,
  UNBUILT_INFO,
  UNBUILT_PARAMS,
  UNBUILT_PROVIDERS,
} from './sections/model-list.schemas.js';
import { check, isOff, typeName } from './sections/section.js';

/** One entry of `model_list`, resolved (secrets looked up, credential merged) but not yet interpreted by routing. */
export interface ModelEntry {
  readonly modelName: string;
  /** `litellm_params` with `os.environ/` resolved. String values under secret-like names are `Secret`. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
  /** The named credential that its secrets came from. */
  readonly credentialName?: string;
  /** `model_list.3`, for messages. */
  readonly path: string;
  /** `model_info.team_id`: only this team's keys may call it, under `modelName`. */
  readonly teamId?: string;
  /** False: only its own parameters say where it goes and with which key; variables of the environment do not. */
  readonly usesEnvironment?: boolean;
}

/** An entry of `credential_list`. */
export interface NamedCredential {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
}

/**
 * `model_list`, with named credentials merged in and secrets wrapped. An entry without a model is left out with a notice,
 * as in LiteLLM; a wrong type is an error.
 */
export function readModels(
  raw: unknown,
  credentials: ReadonlyMap<string, CredentialEntry>,
  findings: Findings,
): ModelEntry[] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw)) {
    findings.error('model_list', `expected a list of models, got ${typeName(raw)}`);
    return [];
  }
  return raw.flatMap(
    (entry: unknown, index) => readModel(entry, `model_list.${index}`, credentials, findings) ?? [],
  );
}

/** One entry of `credential_list`: parameters that models take over by its name. */
export interface CredentialEntry {
  readonly values: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
}

/** One entry; undefined when it names no model, or with an error in `findings`. */
export function readModel(
  raw: unknown,
  path: string,
  credentials: ReadonlyMap<string, CredentialEntry>,
  findings: Findings,
): ModelEntry | undefined {
  if (!isPlainObject(raw)) {
    findings.error(path, `expected a mapping with model_name and litellm_params, got ${typeName(raw)}`);
    return undefined;
  }
  const { model_name: name, litellm_params: params, model_info: info, ...rest } = raw;
  if (typeof name !== 'string' || name === '') {
    findings.error(`${path}.model_name`, `expected string, got ${typeName(name)}`);
    return undefined;
  }
  if (params === undefined || params === null || (isPlainObject(params) && isOff(params['model']))) {
    findings.notice(
      `${path}.litellm_params`,
      `the model ${name} has no litellm_params.model and is left out`,
    );
    return undefined;
  }
  if (!isPlainObject(params)) {
    findings.error(`${path}.litellm_params`, `expected a mapping, got ${typeName(params)}`);
    return undefined;
  }
  const { rpm, tpm, ...strangers } = rest;
  for (const stranger of Object.keys(strangers)) {
    const nearest = findNearestName(stranger, ['model_name', 'litellm_params', 'model_info', 'rpm', 'tpm']);
    findings.unknown(
      `${path}.${stranger}`,
      `This setting is not known and does nothing.${nearest ? ` Did you mean \`${nearest}\`?` : ''}`,
    );
  }
  const merged = {
    ...present({ rpm, tpm }),
    ...present(withCredential(params, path, credentials, findings)),
  };
  const entry = finish(name, merged, isPlainObject(info) ? present(info) : {}, path, findings);
  const credential = params['litellm_credential_name'];
  return entry && typeof credential === 'string' ? { ...entry, credentialName: credential } : entry;
}

function finish(
  modelName: string,
  rawParams: Record<string, unknown>,
  rawInfo: Record<string, unknown>,
  path: string,
  findings: Findings,
): ModelEntry | undefined {
  const params = check(modelParams, rawParams, `${path}.litellm_params`, findings);
  const info = check(modelInfo, rawInfo, `${path}.model_info`, findings);
  checkPrices(rawParams, `${path}.litellm_params`, findings);
  checkPrices(rawInfo, `${path}.model_info`, findings);
  reportUnbuilt(rawParams, `${path}.litellm_params`, UNBUILT_PARAMS, GUARDING_PARAMS, findings);
  reportUnbuilt(rawInfo, `${path}.model_info`, UNBUILT_INFO, GUARDING_INFO, findings);
  reportMisspelt(rawParams, `${path}.litellm_params`, findings);
  if (!params || !info) return undefined;
  const provider = providerOf(params);
  if (UNBUILT_PROVIDERS.has(provider)) {
    findings.unsupported(
      `${path}.litellm_params.model`,
      `The provider ${provider} is not there yet; calls to ${modelName} are refused.`,
    );
  }
  const { team_id: teamId, team_public_model_name: publicName } = info;
  return {
    modelName: teamId === undefined ? modelName : (publicName ?? modelName),
    ...(teamId === undefined ? {} : { teamId }),
    params: Object.freeze(hideSecrets(params) as Record<string, unknown>),
    info: Object.freeze(hideSecrets(info) as Record<string, unknown>),
    path,
  };
}

/** The provider that `provider/model` or `custom_llm_provider` names; routing knows what a bare name stands for. */
function providerOf(params: {
  readonly model: string;
  readonly custom_llm_provider?: string | undefined;
}): string {
  return params.custom_llm_provider ?? params.model.split('/', 1)[0] ?? params.model;
}

function withCredential(
  params: Record<string, unknown>,
  path: string,
  credentials: ReadonlyMap<string, CredentialEntry>,
  findings: Findings,
): Record<string, unknown> {
  const { litellm_credential_name: name, ...own } = params;
  if (typeof name !== 'string') return params;
  const values = credentials.get(name)?.values;
  if (!values)
    findings.error(
      `${path}.litellm_params.litellm_credential_name`,
      'no entry of credential_list has this name',
    );
  return { ...values, ...own };
}

/** `credential_list` by name. */
export function readCredentials(raw: unknown, findings: Findings): Map<string, CredentialEntry> {
  const named = new Map<string, CredentialEntry>();
  if (raw === undefined || raw === null) return named;
  if (!Array.isArray(raw)) {
    findings.error('credential_list', `expected a list of credentials, got ${typeName(raw)}`);
    return named;
  }
  for (const [index, entry] of raw.entries()) {
    const name = isPlainObject(entry) ? entry['credential_name'] : undefined;
    const values = isPlainObject(entry) ? entry['credential_values'] : undefined;
    const info =
      isPlainObject(entry) && isPlainObject(entry['credential_info']) ? entry['credential_info'] : {};
    if (typeof name === 'string' && name !== '' && isPlainObject(values))
      named.set(name, { values: present(values), info });
    else
      findings.error(
        `credential_list.${index}`,
        'expected a credential_name and a mapping credential_values',
      );
  }
  return named;
}

function checkPrices(settings: Record<string, unknown>, path: string, findings: Findings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!isPriceName(name) || name in modelParams.shape) continue;
    check(price, value, `${path}.${name}`, findings);
  }
}

function reportUnbuilt(
  settings: Record<string, unknown>,
  path: string,
  unbuilt: Readonly<Record<string, string>>,
  guarding: Readonly<Record<string, string>>,
  findings: Findings,
): void {
  for (const [name, value] of Object.entries(settings)) {
    if (isOff(value)) continue;
    const missing = Object.hasOwn(unbuilt, name) ? unbuilt[name] : undefined;
    const guard = Object.hasOwn(guarding, name) ? guarding[name] : undefined;
    if (missing)
      findings.unsupported(`${path}.${name}`, `${missing}: not there yet; this setting does nothing.`);
    if (guard) {
      findings.unsupported(
        `${path}.${name}`,
        `${guard}: not there yet, and to ignore this setting would open the model to more callers. Remove it to start without.`,
        true,
      );
    }
  }
}

/** Unknown parameters belong to the provider; one that looks like a misspelt limit, key or address of ours is pointed out. */
function reportMisspelt(params: Record<string, unknown>, path: string, findings: Findings): void {
  const ours = Object.keys(modelParams.shape);
  for (const [name, value] of Object.entries(params)) {
    if (
      ours.includes(name) ||
      name.length < 5 ||
      PROVIDER_PARAMS.has(name) ||
      isPriceName(name) ||
      name in UNBUILT_PARAMS
    )
      continue;
    const nearest = findNearestName(name, ours);
    if (!nearest) continue;
    const refuses = nearest === 'allowed_keys' && !isOff(value);
    findings.unknown(
      `${path}.${name}`,
      `This parameter is not known and is sent to the provider as it is. Did you mean \`${nearest}\`?`,
      refuses,
    );
  }
}

/** Parameters of providers whose names are near one of ours. */
const PROVIDER_PARAMS: ReadonlySet<string> = new Set([
  'max_tokens',
  'top_k',
  'top_p',
  'stop',
  'seed',
  'user',
  'stream',
  'api_type',
  'models',
  'usage',
  'store',
  'tools',
  'modalities',
  'headers',
  'model_id',
  'max_completion_tokens',
  'prompt',
  'voice',
  'size',
  'num_ctx',
]);

function present(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== null && value !== undefined),
  );
}
