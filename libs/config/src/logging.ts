import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { logLevel } from './sections/general-settings.schemas.js';
import { isProduction } from './server.js';

export interface LoggingSettings {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly json: boolean;
  /** `LOG_FILE`: also written here. */
  readonly file?: string;
}

/** Where the product's own lines go, and how many there are. */
export function readLogging(
  sections: Sections,
  environment: Environment,
  findings: Findings,
): LoggingSettings {
  const { general, litellm } = sections;
  const file = environment.get('LOG_FILE');
  return {
    level: readLevel(sections, environment, findings),
    json:
      environment.flag('JSON_LOGS', findings) ??
      general.json_logs ??
      litellm.json_logs ??
      isProduction(environment),
    ...(file === undefined ? {} : { file }),
  };
}

function readLevel(
  { general, litellm }: Sections,
  environment: Environment,
  findings: Findings,
): LoggingSettings['level'] {
  const named = environment.get('LITELLM_LOG');
  const fromEnvironment = named === undefined ? undefined : logLevel.safeParse(named).data;
  if (named !== undefined && fromEnvironment === undefined)
    findings.error('LITELLM_LOG', 'expected DEBUG, INFO, WARNING or ERROR');
  const verbose = general.set_verbose === true || litellm.set_verbose === true;
  return fromEnvironment ?? (verbose ? 'debug' : (general.log_level ?? litellm.log_level ?? 'info'));
}
