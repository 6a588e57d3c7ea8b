import { dirname, resolve } from 'node:path';
import type { ConfigFlags } from './server.js';
import { ConfigSource } from './config-source.js';
import { BUILT_IN_SECTIONS } from './built-in-config.js';
import { readConfigFile } from './config-file.js';
import { Config, type ConfigTree } from './config.js';
import { Environment, readEnvFile, type Variables } from './environment.js';
import { ConfigError, type ConfigNotice, type ConfigProblem, Findings } from './problems.js';

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
  /** What it would be started with, for rooms that know more about it; where there are errors, as far as it could be read. */
  readonly config: Omit<ConfigTree, 'notices'>;
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
  const { files, tree } = read({ ...sources, flags: { config: file } }, findings);
  return {
    file,
    files,
    errors: findings.errors,
    wouldStart: findings.blocking().length === 0,
    notices: findings.notices,
    config: tree,
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

  const source = new ConfigSource({ flags, outside, cwd, configFile, raw });
  return { tree: { ...source.read([], findings), source }, files };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
