/** One thing that is wrong, and where: `general_settings.allowed_ips.0`, `PORT`, `proxy_config.yaml:3:7`. Never holds a value. */
export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
}

export interface ConfigNotice {
  /** Dotted path in the file: `litellm_settings.guardrails`. */
  readonly path: string;
  readonly level: 'unsupported' | 'unknown' | 'notice';
  readonly message: string;
  /** True where going on without the setting would weaken security; `loadConfig` then refuses. */
  readonly refusesStart?: boolean;
}

/** The configuration cannot be used. Lists every problem at once; names settings and types, never values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ path, message }) => `  - ${path}: ${message}`);
    super(
      `The configuration cannot be used (${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}):\n${lines.join('\n')}`,
    );
  }
}

/** Collects what is wrong and what is worth saying while a configuration is read, so that an operator sees all of it at once. */
export class Findings {
  readonly errors: ConfigProblem[] = [];
  readonly notices: ConfigNotice[] = [];

  error(path: string, message: string): void {
    this.errors.push({ path, message });
  }
  notice(path: string, message: string): void {
    this.notices.push({ path, level: 'notice', message });
  }
  unknown(path: string, message: string, refusesStart = false): void {
    this.notices.push({ path, level: 'unknown', message, refusesStart });
  }
  unsupported(path: string, message: string, refusesStart = false): void {
    this.notices.push({ path, level: 'unsupported', message, refusesStart });
  }
  /** Everything that forbids starting: errors, and settings whose loss would weaken security. */
  blocking(): ConfigProblem[] {
    const refusing = this.notices.filter((notice) => notice.refusesStart === true);
    return [...this.errors, ...refusing.map(({ path, message }) => ({ path, message }))];
  }
}
