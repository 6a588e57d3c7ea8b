import { assemble } from './assemble.js';
import type { ConfigFlags } from './server.js';
import type { ConfigTree, LiveParts, Overridden, SettingSource } from './config.js';
import { Environment, readEnvironmentSection, type Variables } from './environment.js';
import { readCredentials, readModels } from './models.js';
import { Findings } from './problems.js';
import { resolveReferences } from './references.js';
import { hideSecrets, isPlainObject } from './secret-values.js';
import { readSections } from './sections.js';
import { isFileOnly, isLive, OVERRIDABLE_SECTIONS, type SettingOverride } from './setting-overrides.js';

interface RawConfig {
  readonly flags: ConfigFlags;
  /** The process environment and the `.env` files, strongest first. */
  readonly outside: readonly Variables[];
  readonly cwd: string;
  readonly configFile: string | undefined;
  /** The file's sections, references not resolved. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** The file, the flags and the environment as they were read at start: what configuration is made from, again for each change. */
export class ConfigSource implements SettingSource {
  readonly #raw: RawConfig;

  constructor(raw: RawConfig) {
    this.#raw = raw;
  }

  owns(section: string, field: string): boolean {
    return this.fileValue(section, field) !== undefined;
  }

  fileValue(section: string, field: string): unknown {
    const own = this.#raw.raw[section];
    return isPlainObject(own) && Object.hasOwn(own, field) ? (own[field] ?? undefined) : undefined;
  }

  fileFields(section: string): readonly string[] {
    const own = this.#raw.raw[section];
    return isPlainObject(own) ? Object.keys(own) : [];
  }

  withOverrides(overrides: readonly SettingOverride[]): Overridden {
    const findings = new Findings();
    const used = overrides.filter(
      ({ section, field }) => !this.owns(section, field) && !isFileOnly(section, field),
    );
    const tree = this.read(used, findings);
    const paths = new Set(used.map(({ section, field }) => `${section}.${field}`));
    const belongs = (path: string): boolean => paths.has(path.split('.', 2).join('.'));
    return {
      tree: { ...tree, source: this },
      problems: findings
        .blocking()
        .filter(({ path }) => belongs(path) || path.startsWith('litellm_settings.budget')),
      ignored: findings.notices
        .filter(({ path, level }) => level !== 'notice' && belongs(path))
        .map(({ path }) => path),
    };
  }

  liveParts(overrides: readonly SettingOverride[], running: ConfigTree): LiveParts | undefined {
    const live = overrides.filter(({ section, field }) => isLive(section, field));
    const { tree, problems } = this.withOverrides(live);
    if (problems.length > 0) return undefined;
    const { adminOnlyRoutes, allowedRoutes } = tree.auth;
    const { allowedRoutes: _, ...auth } = running.auth;
    return {
      network: tree.network,
      router: tree.router,
      calls: tree.calls,
      auth: { ...auth, adminOnlyRoutes, ...(allowedRoutes === undefined ? {} : { allowedRoutes }) },
      people: tree.people,
      models: tree.models,
      credentials: tree.credentials,
      environment: tree.environment,
    };
  }

  /** Makes the tree; what is wrong goes to `findings`. */
  read(overrides: readonly SettingOverride[], findings: Findings): Omit<ConfigTree, 'notices'> {
    const { flags, outside, cwd, configFile, raw } = this.#raw;
    const merged = withSettings(raw, overrides);
    const missing: string[] = [];
    const resolved = (value: unknown, path: string, environment: Environment): unknown =>
      resolveReferences(value, path, (name) => environment.get(name), findings, missing);
    const { environment_variables: variables, ...rest } = merged;
    const own = readEnvironmentSection(
      resolved(variables, 'environment_variables', new Environment(outside)),
      findings,
    );
    const environment = new Environment([...outside, own]);
    const sectionsRaw = resolved(rest, '', environment) as Record<string, unknown>;
    refuseMissingGuards(missing, findings);
    const sections = readSections(sectionsRaw, findings);
    const named = readCredentials(sectionsRaw['credential_list'], findings);
    const models = readModels(sectionsRaw['model_list'], named, findings);
    const masterKeyIsLiteral = isLiteral(rest['general_settings'], 'master_key');
    const credentials = [...named].map(([name, { values, info }]) => ({
      name,
      values: hideSecrets(values, true) as Record<string, unknown>,
      info,
    }));
    return assemble(
      { flags, environment, cwd, configFile, sections, models, credentials, masterKeyIsLiteral },
      findings,
    );
  }
}

/** A value in the file, even an empty one, is the file's word. */
function withSettings(
  raw: Readonly<Record<string, unknown>>,
  overrides: readonly SettingOverride[],
): Record<string, unknown> {
  if (overrides.length === 0) return raw;
  const merged: Record<string, unknown> = { ...raw };
  for (const section of OVERRIDABLE_SECTIONS) {
    const ours = overrides.filter((one) => one.section === section);
    if (ours.length === 0) continue;
    const own = raw[section];
    merged[section] = {
      ...Object.fromEntries(ours.map(({ field, value }) => [field, value])),
      ...(isPlainObject(own) ? own : {}),
    };
  }
  return merged;
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
