import type { ModelEntry } from '#libs/config';

export interface DeploymentProblem {
  readonly code:
    | 'routing.provider_unsupported'
    | 'routing.entry_invalid'
    | 'routing.parameter_ignored'
    | 'routing.key_missing';
  /** `model_list.3.litellm_params.model`. */
  readonly path: string;
  readonly message: string;
  readonly group: string;
  readonly teamId?: string;
  /** Set for `routing.provider_unsupported`. */
  readonly provider?: string;
}

/** What is wrong with one entry of `model_list`, collected while it is read. */
export class EntryProblems {
  constructor(
    private readonly entry: ModelEntry,
    private readonly problems: DeploymentProblem[],
  ) {}

  /** `where`: the path inside the entry. Returns undefined, which is what becomes of an entry that cannot be used. */
  add(code: DeploymentProblem['code'], where: string, message: string, provider?: string): undefined {
    const { path, modelName: group, teamId } = this.entry;
    this.problems.push({
      code,
      path: `${path}.${where}`,
      message,
      group,
      ...(teamId === undefined ? {} : { teamId }),
      ...(provider === undefined ? {} : { provider }),
    });
  }

  /** A value of the wrong kind, which is left out. */
  leftOut(section: string, name: string, expected: string): void {
    this.add('routing.entry_invalid', `${section}.${name}`, `"${name}" must be ${expected}; it is left out.`);
  }
}
