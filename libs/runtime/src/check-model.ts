import { type ConfigProblem, type CredentialEntry, readStoredModel } from '#libs/config';
import { compileDeployments, type Deployment } from '#libs/routing';

/** A model as somebody wants it stored. `info`: `model_info`. */
export interface WantedModel {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
}

/** Without `problem` it can be served; `deployment` is absent where it is blocked. */
export interface CheckedModel {
  readonly deployment?: Deployment | undefined;
  readonly problem?: ConfigProblem;
}

/**
 * Compiles a model as it would be served, and tells the first thing for which the catalogue would leave it out. `lookUp`: undefined for a
 * model that may not use what the proxy holds.
 */
export function checkModel(
  { name, params, info }: WantedModel,
  credentials: ReadonlyMap<string, CredentialEntry>,
  lookUp: ((name: string) => string | undefined) | undefined,
): CheckedModel {
  const { entry, problems } = readStoredModel(
    { model_name: name, litellm_params: params, model_info: info },
    credentials,
    lookUp,
  );
  const [problem] = problems;
  if (problem) return { problem };
  if (!entry) return { problem: { path: 'litellm_params.model', message: 'expected provider/model' } };
  const { deployments, problems: found } = compileDeployments([{ ...entry, path: '' }], lookUp);
  const wrong = found.find(({ code }) => code === 'routing.entry_invalid');
  if (wrong) return { problem: { path: wrong.path.replace(/^\./, ''), message: wrong.message } };
  return { deployment: deployments[0] };
}
