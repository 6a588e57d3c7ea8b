import { dirname, resolve } from 'node:path';
import { assemble, type ConfigFlags } from './assemble.js';
import { BUILT_IN_SECTIONS } from './built-in-config.js';
import { readConfigFile } from './config-file.js';
import { Config, type ConfigNotice, type ConfigTree } from './config.js';
import { Environment, readEnvFile, readEnvironmentSection, type Variables } from './environment.js';
import { readModels } from './models.js';
import { ConfigError, type ConfigProblem, Findings } from './problems.js';
import { resolveReferences } from './references.js';
import { readSections } from './sections.js';
import { isPlainObject } from './secret-values.js';

export interface ConfigSources {
  readonly flags?: ConfigFlags;
  readonly env: Variables;
  readonly cwd: string;
}

/** What `tollgate config check FILE` shows. */
export interface ConfigReport {
  readonly file: string;
  /** The file and everything it includes. */
  readonly files: readonly string[];
  /** Wrong types and broken YAML. */
  readonly errors: readonly ConfigProblem[];
  /** False with errors, and with notices that refuse start. */
  readonly wouldStart: boolean;
  readonly notices: readonly ConfigNotice[];
}

/**
 * Reads flags, environment, `.env` and the configuration file into one frozen tree. Throws one ConfigError with all
 * problems, each at its path: wrong types, and settings that guard something and are not there yet. No message holds a
 * value of a setting or a variable.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const findings = new Findings();
  const { tree } = read(sources, findings);
  const blocking = findings.blocking();
  if (blocking.length > 0) throw new ConfigError(blocking);
  return new Config(deepFreeze({ ...tree, notices: findings.notices }));
}

/** Examines a configuration file as `loadConfig` would, and never throws: everything that is wrong, missing or unknown in it. */
export function checkConfig(
  file: string,
  sources: Omit<ConfigSources, 'flags'> = { env: process.env, cwd: process.cwd() },
): ConfigReport {
  const findings = new Findings();
  const { files } = read({ ...sources, flags: { config: file } }, findings);
  return {
    file,
    files,
    errors: findings.errors,
    wouldStart: findings.blocking().length === 0,
    notices: findings.notices,
  };
}

function read(
  { flags = {}, env, cwd }: ConfigSources,
  findings: Findings,
): { tree: Omit<ConfigTree, 'notices'>; files: readonly string[] } {
  const besideFolder = readEnvFile(cwd, findings);
  const named = flags.config ?? new Environment([env, besideFolder]).get('CONFIG_FILE_PATH');
  const configFile = named === undefined ? undefined : resolve(cwd, named);
  const { sections: raw, files } =
    configFile === undefined || named === undefined
      ? { sections: BUILT_IN_SECTIONS, files: [] }
      : readConfigFile(configFile, named, findings);
  const elsewhere = configFile !== undefined && dirname(configFile) !== resolve(cwd);
  const besideFile = elsewhere ? readEnvFile(dirname(configFile), findings) : {};
  const outside = [env, besideFolder, besideFile];

  const missing: string[] = [];
  const resolved = (value: unknown, path: string, environment: Environment): unknown =>
    resolveReferences(value, path, (name) => environment.get(name), findings, missing);
  const { environment_variables: variables, ...rest } = raw;
  const own = readEnvironmentSection(
    resolved(variables, 'environment_variables', new Environment(outside)),
    findings,
  );
  const environment = new Environment([...outside, own]);
  const sectionsRaw = resolved(rest, '', environment) as Record<string, unknown>;
  refuseMissingGuards(missing, findings);

  const sections = readSections(sectionsRaw, findings);
  const models = readModels(sectionsRaw['model_list'], sectionsRaw['credential_list'], findings);
  const masterKeyIsLiteral = isLiteral(rest['general_settings'], 'master_key');
  return {
    tree: assemble({ flags, environment, cwd, configFile, sections, models, masterKeyIsLiteral }, findings),
    files,
  };
}

/** Settings whose absence opens a door: one that names a variable nobody set must not count as "not restricted". */
const MUST_RESOLVE =
  /^general_settings\.(?:allowed_ips|admin_only_routes|allowed_routes|litellm_key_header_name|cors_origin|custom_auth|enable_\w+|enforce_\w+|reject_\w+|disable_\w+)(?:\.|$)|^guardrails(?:\.|$)|\.litellm_params\.allowed_keys(?:\.|$)/;

function refuseMissingGuards(missing: readonly string[], findings: Findings): void {
  for (const path of missing) {
    if (MUST_RESOLVE.test(path))
      findings.error(path, 'this setting restricts access and the variable it names is not set');
  }
}

function isLiteral(section: unknown, name: string): boolean {
  const value = isPlainObject(section) ? section[name] : undefined;
  return (
    typeof value === 'string' &&
    value !== '' &&
    !value.startsWith('os.environ/') &&
    !value.startsWith('oidc/')
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
