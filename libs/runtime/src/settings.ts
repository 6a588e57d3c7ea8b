import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Config, isFileOnly, isLive, type OverridableSection, type SettingOverride } from '#libs/config';
import { ConfigSetting } from '#libs/database';
import { GatewayError, holdsKey, isRecord, isSecretName } from '#libs/kernel';
import { type Author, makerOf, type Transaction } from '#libs/tenancy';
import { LiveChanges } from './live-changes.js';
import { badField } from './refusals.js';
import { RuntimeStore } from './runtime-store.js';
import { assertCallerStaysIn } from './setting-locks.js';
import { maskTexts } from './stored-params.js';

/** What became of a change. */
export interface SettingsReceipt {
  /** Stored, and waiting for the next start of each process: `general_settings.json_logs`. */
  readonly afterRestart: readonly string[];
  /** Not stored: not known, or nothing acts on them yet. */
  readonly ignored: readonly string[];
}

/** One setting as it counts, wherever it was said. */
export interface SettingView {
  readonly section: OverridableSection;
  readonly field: string;
  /** Texts masked where the setting holds a secret. */
  readonly value: unknown;
  readonly source: 'config' | 'db';
  readonly live: boolean;
}

/**
 * Settings that administrators change while it runs. The file wins: what it says cannot be changed here. Each change is
 * checked as the file is, before it is stored.
 */
@Injectable()
export class Settings {
  constructor(
    private readonly config: Config,
    private readonly store: RuntimeStore,
    private readonly changes: LiveChanges,
  ) {}

  /** Stores all of them or none. Mappings are merged member by member, everything else is replaced. Throws 400 naming the setting. */
  async change(author: Author, wanted: readonly SettingOverride[]): Promise<SettingsReceipt> {
    const ours = wanted.filter((one) => !this.#saysTheFile(one));
    return this.changes.run(author, async (transaction) => {
      const { settings: stored } = await this.store.readAll(transaction.manager);
      const known = new Map(stored.map((one) => [pathOf(one), one]));
      const merged = ours.map((one) => ({ ...one, value: merge(known.get(pathOf(one))?.value, one.value) }));
      for (const one of merged) known.set(pathOf(one), one);
      const { problems, ignored } = this.#read([...known.values()]);
      const [problem] = problems;
      if (problem) throw badField(problem.path, ` ${problem.message}.`);
      const useful = merged.filter((one) => !ignored.some((path) => path.startsWith(pathOf(one))));
      for (const one of useful) {
        assertCallerStaysIn(one, author);
        await this.#save(
          transaction,
          author,
          one,
          stored.find((other) => pathOf(other) === pathOf(one))?.value,
        );
      }
      return {
        afterRestart: useful.filter(({ section, field }) => !isLive(section, field)).map(pathOf),
        ignored: merged.filter((one) => !useful.includes(one)).map(pathOf),
      };
    });
  }

  /** Takes a stored setting back. Throws 404 when none of that name is stored. */
  async remove(author: Author, section: OverridableSection, field: string): Promise<SettingView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const row = await manager.findOneBy(ConfigSetting, { section, field });
      if (!row)
        throw new GatewayError('request.not_found', `No setting ${field} is stored.`, {
          param: 'field_name',
        });
      const opened = await this.store.openSetting(manager, row);
      await manager.delete(ConfigSetting, { section, field });
      const view = viewOf(opened, 'db');
      await transaction.record('deleted', 'config', pathOf(opened), {
        before: { value: view.value },
        after: null,
      });
      return view;
    });
  }

  /** What is set, in the file or here; secrets masked. */
  async list(section: OverridableSection): Promise<SettingView[]> {
    const fromFile = (this.config.source?.fileFields(section) ?? []).map((field) =>
      viewOf({ section, field, value: this.config.source?.fileValue(section, field) }, 'config'),
    );
    const names = new Set(fromFile.map(({ field }) => field));
    const { settings } = await this.store.readAll();
    const stored = settings
      .filter((one) => one.section === section && !names.has(one.field))
      .map((one) => viewOf(one, 'db'));
    return [...fromFile, ...stored];
  }

  /** The value as it is, secrets and all, for those who change a part of it. */
  async stored(section: OverridableSection, field: string): Promise<unknown> {
    const { settings } = await this.store.readAll();
    return settings.find((one) => one.section === section && one.field === field)?.value;
  }

  #read(settings: readonly SettingOverride[]): {
    problems: readonly { path: string; message: string }[];
    ignored: readonly string[];
  } {
    return this.config.source?.withOverrides(settings) ?? { problems: [], ignored: [] };
  }

  /** True where the file says just that. Throws where it says something else, or where only the file may. */
  #saysTheFile({ section, field, value }: SettingOverride): boolean {
    if (isFileOnly(section, field))
      throw badField(`${section}.${field}`, ' can only be set in the configuration file or the environment.');
    const said = this.config.source?.fileValue(section, field);
    if (said === undefined) return false;
    if (isDeepStrictEqual(said, value)) return true;
    throw badField(`${section}.${field}`, ' is set in the configuration file, which wins; change it there.');
  }

  async #save(
    transaction: Transaction,
    author: Author,
    one: SettingOverride,
    before: unknown,
  ): Promise<void> {
    const { manager } = transaction;
    const columns = await this.store.sealSetting(manager, one, holdsSecret(one));
    await manager.upsert(
      ConfigSetting,
      {
        section: one.section,
        field: one.field,
        ...columns,
        updatedBy: makerOf(author.principal),
        updatedAt: new Date(),
      } as never,
      ['section', 'field'],
    );
    await transaction.record(before === undefined ? 'created' : 'updated', 'config', pathOf(one), {
      before: before === undefined ? null : { value: viewOf({ ...one, value: before }, 'db').value },
      after: { value: viewOf(one, 'db').value },
    });
  }
}

function pathOf({ section, field }: Pick<SettingOverride, 'section' | 'field'>): string {
  return `${section}.${field}`;
}

function viewOf(one: SettingOverride, source: SettingView['source']): SettingView {
  const { section, field, value } = one;
  const shown = holdsSecret(one) ? maskTexts(value) : value;
  return { section, field, value: shown, source, live: isLive(section, field) };
}

/** A variable of the environment always counts as one: nobody can tell from its name. */
function holdsSecret({ section, field, value }: SettingOverride): boolean {
  return section === 'environment_variables' || isSecretName(field) || containsSecret(value);
}

function containsSecret(value: unknown): boolean {
  if (typeof value === 'string') return holdsKey(value) || /^\w+:\/\/[^/@]*@/.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, item]) => isSecretName(name) || containsSecret(item));
}

function merge(stored: unknown, wanted: unknown): unknown {
  if (!isRecord(stored) || !isRecord(wanted)) return wanted;
  return Object.fromEntries(Object.entries({ ...stored, ...wanted }).filter(([, value]) => value !== null));
}
