import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config, type ModelEntry, readStoredModel } from '#libs/config';
import { type Change, Changes, type ChangeSubscriber } from '#libs/database';
import { Catalogue, compileDeployments, type Deployment, Router } from '#libs/routing';
import { Logger, registerSecret } from '#libs/telemetry';
import { AccessGroupIndex } from './access-group-index.js';
import { LiveEndpoints } from './live-endpoints.js';
import { namedCredentials, type RuntimeRows, RuntimeStore } from './runtime-store.js';

/** One name of the catalogue: a model group, or a visible alias of one. */
export interface CatalogueRow {
  readonly name: string;
  readonly resolvedGroup: string;
  readonly accessGroups: readonly string[];
  readonly deployments: readonly Deployment[];
  readonly ownerTeamId: string | undefined;
}

/** A new attempt while the database is away. */
const RETRY_MS = 1_000;

const NOUNS: ReadonlySet<string> = new Set([
  'model',
  'credential',
  'access_group',
  'config',
  'pass_through_endpoint',
]);

/**
 * Keeps what this process serves in step with the database: models, credentials, access groups, pass-through endpoints and settings on top of the
 * configuration file, which wins. Everything is read anew after a change and swapped at once; calls under way finish on what
 * they began with. While the database is away, what was last known is served; at first that is the file alone.
 */
@Injectable()
export class LiveCatalogue implements OnApplicationBootstrap, OnApplicationShutdown, ChangeSubscriber {
  readonly #endpoints: LiveEndpoints;
  #unsubscribe: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #entries: ReadonlyMap<string, ModelEntry> = new Map();
  #storedIds: ReadonlySet<string> = new Set();
  #told = new Set<string>();

  constructor(
    private readonly config: Config,
    private readonly catalogue: Catalogue,
    private readonly router: Router,
    private readonly store: RuntimeStore,
    private readonly groups: AccessGroupIndex,
    private readonly changes: Changes,
    private readonly logger: Logger,
  ) {
    this.#endpoints = new LiveEndpoints(config);
  }

  /** Subscribed before it reads: what changes in between is read again. */
  async onApplicationBootstrap(): Promise<void> {
    this.#unsubscribe = this.changes.subscribe(this);
    this.#refresh();
    await this.settled();
  }

  onApplicationShutdown(): void {
    this.#hasEnded = true;
    this.#unsubscribe?.();
    clearTimeout(this.#timer);
  }

  onChange({ noun }: Change): void {
    if (NOUNS.has(noun)) this.#refresh();
  }

  onGap(): void {
    this.#refresh();
  }

  /** Whether a change was heard of that is not served yet. */
  get isBehind(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when every change this process has heard of so far is served, or the database did not answer. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** What the catalogue shows to callers of a team (or of none), before grants. */
  entriesFor(teamId: string | undefined): CatalogueRow[] {
    return this.catalogue.groups(teamId).map(({ name, aliasOf, deployments, teamId: ownerTeamId }) => ({
      name,
      resolvedGroup: aliasOf ?? name,
      accessGroups: [...new Set(deployments.flatMap((one) => one.accessGroups))],
      deployments,
      ownerTeamId,
    }));
  }

  /** The configured form of a deployment, secrets wrapped. */
  entryOf(deploymentId: string): ModelEntry | undefined {
    return this.#entries.get(deploymentId);
  }

  /** Its `model_info` without the access groups that were given to it beside. */
  ownInfoOf(deploymentId: string): ModelEntry['info'] | undefined {
    const path = this.#entries.get(deploymentId)?.path;
    return this.config.models.find((entry) => entry.path === path)?.info;
  }

  /** Whether it comes from the database, and can be changed there. */
  isStored(deploymentId: string): boolean {
    return this.#storedIds.has(deploymentId);
  }

  #refresh(): void {
    this.#isStale = true;
    if (this.#running || this.#hasEnded) return;
    clearTimeout(this.#timer);
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#hasEnded) {
      this.#isStale = false;
      try {
        this.#apply(await this.store.readAll());
      } catch (error) {
        this.logger.warn(
          { error },
          'Models and settings of the database could not be read; what is known is served on.',
        );
        this.#timer = setTimeout(() => this.#refresh(), RETRY_MS);
        this.#timer.unref();
        return;
      }
    }
  }

  #apply(rows: RuntimeRows): void {
    for (const what of rows.unreadable)
      this.#tellOnce(what, 'A stored secret cannot be read; what needs it is left out.');
    this.#applySettings(rows);
    for (const { path, message } of this.#endpoints.replace(rows.endpoints)) this.#tellOnce(path, message);
    const credentials = namedCredentials(rows.credentials, this.config.credentials);
    const stored = rows.models.flatMap(({ row, params }) => {
      const { entry, problems } = readStoredModel(
        {
          model_name: row.modelName,
          litellm_params: params,
          model_info: {
            ...row.info,
            id: row.id,
            ...(row.teamId === null ? {} : { team_id: row.teamId, team_public_model_name: row.modelName }),
            ...(row.blocked ? { blocked: true } : {}),
          },
        },
        credentials,
        row.trusted ? this.config.environment : undefined,
      );
      for (const { path, message } of problems) this.#tellOnce(`model ${row.id}: ${path}`, message);
      return entry && problems.length === 0
        ? [{ credentialName: `model ${row.id}`, ...entry, path: `proxy_models.${row.id}` }]
        : [];
    });
    const entries = grouped([...this.config.models, ...stored], rows);
    const compiled = compileDeployments(entries, this.config.environment);
    for (const { apiKey } of compiled.deployments) if (apiKey) registerSecret(apiKey);
    // Those of the start are told with the rest of the start.
    for (const { path, message } of compiled.problems)
      if (this.#entries.size > 0) this.#tellOnce(path, message);
      else this.#told.add(`${path}: ${message}`);
    this.catalogue.replace(compiled, this.config.router.modelGroupAlias);
    this.router.forgetRemoved();
    this.groups.replace(rows.groups);
    this.#entries = compiled.entries;
    const fileEntries = new Set(this.config.models.map(({ path }) => path));
    this.#storedIds = new Set(
      [...compiled.entries].filter(([, { path }]) => !fileEntries.has(path)).map(([id]) => id),
    );
  }

  #applySettings({ settings }: RuntimeRows): void {
    for (const { section, value } of settings)
      if (section === 'environment_variables') registerSecret(String(value));
    const parts = this.config.source?.liveParts(settings, this.config);
    if (parts) this.config.apply(parts);
    else if (this.config.source)
      this.#tellOnce('config_settings', 'Settings of the database cannot be used; the last ones stay.');
  }

  /** A broken row is broken at every refresh; it is told once. */
  #tellOnce(path: string, message: string): void {
    const line = `${path}: ${message}`;
    if (this.#told.has(line)) return;
    if (this.#told.size > 1_000) this.#told.clear();
    this.#told.add(line);
    this.logger.warn({ path }, message);
  }
}

/** Adds the access groups that were given to models by name or id beside their own. */
function grouped(entries: readonly ModelEntry[], { groupedModels }: RuntimeRows): readonly ModelEntry[] {
  if (groupedModels.length === 0) return entries;
  const byName = new Map<string, string[]>();
  for (const { accessGroup, kind, model } of groupedModels) {
    const key = `${kind}:${model}`;
    byName.set(key, [...(byName.get(key) ?? []), accessGroup]);
  }
  return entries.map((entry) => {
    const { id, access_groups: own } = entry.info;
    const more = [
      ...(byName.get(`name:${entry.modelName}`) ?? []),
      ...(typeof id === 'string' ? (byName.get(`id:${id}`) ?? []) : []),
    ];
    if (more.length === 0) return entry;
    const access_groups = [...new Set([...(Array.isArray(own) ? own : []), ...more])];
    return { ...entry, info: { ...entry.info, access_groups } };
  });
}
