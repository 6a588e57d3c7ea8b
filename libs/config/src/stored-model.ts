import { type ModelEntry, type CredentialEntry, readModel } from './models.js';
import { type ConfigProblem, Findings } from './problems.js';
import { resolveReferences } from './references.js';

/** A model that is kept in the database, in the words of the file. */
export interface StoredModel {
  readonly model_name: string;
  readonly litellm_params: Readonly<Record<string, unknown>>;
  readonly model_info: Readonly<Record<string, unknown>>;
}

export interface StoredModelReading {
  readonly entry: ModelEntry | undefined;
  /** What is wrong with it, by `litellm_params.rpm`; never holds a value. */
  readonly problems: readonly ConfigProblem[];
}

/** Variables that hold what the product itself lives on: a model that names one would send it to whatever its api_base says. */
const OWN_SECRETS = /^(?:LITELLM_|TOLLGATE_|DATABASE_|REDIS_|UI_|.*SALT_KEY)/;

/** Whether a variable holds what the product itself lives on. */
export function isOwnSecret(name: string): boolean {
  return OWN_SECRETS.test(name);
}

/**
 * Reads a model of the database as one of `model_list` is read. `lookUp` resolves `os.environ/NAME`; undefined for a model
 * that may not use what the proxy holds, which then cannot name a stored credential either.
 */
export function readStoredModel(
  model: StoredModel,
  credentials: ReadonlyMap<string, CredentialEntry>,
  lookUp: ((name: string) => string | undefined) | undefined,
): StoredModelReading {
  const findings = new Findings();
  const problems: ConfigProblem[] = [];
  const { litellm_params: params } = model;
  const resolved = resolveReferences(
    params,
    'litellm_params',
    (name) => {
      if (lookUp && !isOwnSecret(name)) return lookUp(name);
      problems.push({ path: 'litellm_params', message: 'this variable of the environment may not be used' });
      return undefined;
    },
    new Findings(),
    [],
  );
  const entry = readModel(
    { ...model, litellm_params: resolved },
    '',
    lookUp ? credentials : new Map(),
    findings,
  );
  problems.push(...findings.blocking());
  return {
    entry: entry && (lookUp ? entry : { ...entry, usesEnvironment: false }),
    problems: problems.map(({ path, message }) => ({ path: path.replace(/^\./, ''), message })),
  };
}
