import type { Environment } from './environment.js';
import { compileEndpoint, type PassThroughEndpoint } from './pass-through.js';
import { type ConfigProblem, Findings } from './problems.js';
import { writtenEndpoint } from './sections/pass-through.schemas.js';
import { isOwnSecret } from './stored-model.js';

export interface StoredEndpointReading {
  readonly endpoint: PassThroughEndpoint | undefined;
  /** What is wrong with it, by `headers.Authorization`; never holds a value. */
  readonly problems: readonly ConfigProblem[];
  /** Variables that are not set: what names one counts as absent. */
  readonly missing: readonly ConfigProblem[];
}

/**
 * Reads a pass-through endpoint of the database as one of the file is read. `lookUp` resolves `os.environ/NAME`; what the product
 * itself lives on may not be named, because it would be sent to the target.
 */
export function readStoredEndpoint(
  id: string,
  value: unknown,
  lookUp: ((name: string) => string | undefined) | undefined,
): StoredEndpointReading {
  const parsed = writtenEndpoint.safeParse(value, { reportInput: false });
  if (!parsed.success)
    return {
      endpoint: undefined,
      problems: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
      missing: [],
    };
  const findings = new Findings();
  const environment: Pick<Environment, 'get'> = {
    get: (name) => {
      if (!isOwnSecret(name)) return lookUp?.(name);
      findings.error('', 'this variable of the environment may not be used');
      return undefined;
    },
  };
  const endpoint = compileEndpoint(parsed.data, '', environment, findings);
  const relative = ({ path, message }: ConfigProblem): ConfigProblem => ({
    path: path.replace(/^\./, ''),
    message,
  });
  return {
    endpoint: endpoint && { ...endpoint, storedId: id },
    problems: findings.errors.map(relative),
    missing: findings.notices.map(relative),
  };
}
