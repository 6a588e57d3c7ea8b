import { readConfigFile } from './config-file.js';
import type { CredentialEntry } from './models.js';
import { ConfigError, type ConfigProblem, Findings } from './problems.js';
import { resolveReferences } from './references.js';
import { isPlainObject } from './secret-values.js';
import type { StoredModel } from './stored-model.js';

/** What of a configuration file can also be kept in the database. */
export interface ModelFile {
  /** As they stand there: `os.environ/NAME` is looked up by whoever serves them. */
  readonly models: readonly StoredModel[];
  /** With the variables' values, because a stored credential is looked up nowhere else. */
  readonly credentials: ReadonlyMap<string, CredentialEntry>;
  /** Credentials that name a variable which is not set here, or are of no use, and why. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Its other sections. */
  readonly others: readonly string[];
}

/** Reads the models and credentials of a file, `include` followed, whatever else is in it. Throws a ConfigError that holds no values. */
export function readModelFile(path: string, lookUp: (name: string) => string | undefined): ModelFile {
  const findings = new Findings();
  const { model_list: list, credential_list: named, ...rest } = readConfigFile(path, path, findings).sections;
  const problems: ConfigProblem[] = [...findings.errors];
  const models = listed(list, 'model_list', problems).flatMap((entry, index): StoredModel[] => {
    const { model_name: name, litellm_params: params, model_info: info } = entry;
    if (typeof name === 'string' && name !== '' && isPlainObject(params))
      return [{ model_name: name, litellm_params: params, model_info: isPlainObject(info) ? info : {} }];
    problems.push({ path: `model_list.${index}`, message: 'expected a model_name and litellm_params' });
    return [];
  });
  const credentials = new Map<string, CredentialEntry>();
  const unusable = new Map<string, string>();
  for (const [index, entry] of listed(named, 'credential_list', problems).entries()) {
    const { credential_name: name, credential_values: values, credential_info: info } = entry;
    if (typeof name !== 'string' || name === '' || !isPlainObject(values)) {
      problems.push({
        path: `credential_list.${index}`,
        message: 'expected a credential_name and a mapping credential_values',
      });
      continue;
    }
    const missing: string[] = [];
    const resolved = resolveReferences(values, 'credential_values', lookUp, new Findings(), missing);
    if (missing.length > 0) unusable.set(name, 'name a variable that is not set here');
    else
      credentials.set(name, {
        values: isPlainObject(resolved) ? resolved : {},
        info: isPlainObject(info) ? info : {},
      });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { models, credentials, unusable, others: Object.keys(rest) };
}

function listed(value: unknown, path: string, problems: ConfigProblem[]): Record<string, unknown>[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isPlainObject)) return value;
  problems.push({ path, message: 'expected a list of mappings' });
  return [];
}
