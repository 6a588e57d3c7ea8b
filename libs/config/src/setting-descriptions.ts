import { z } from 'zod';
import { isFileOnly, isLive, type OverridableSection } from './setting-overrides.js';
import { generalSettings } from './sections/general-settings.schemas.js';
import { litellmSettings } from './sections/litellm-settings.schemas.js';
import { routerSettings } from './sections/router-settings.schemas.js';

/** One setting that this version acts on, for people who change settings by form. */
export interface SettingDescription {
  readonly name: string;
  /** `Boolean`, `Integer`, `Float`, `String`, `List` or `Dictionary`, as the drop-in contract's forms have them. */
  readonly type: string;
  /** Whether running processes take it up. */
  readonly live: boolean;
}

const SECTIONS: Partial<Record<OverridableSection, z.ZodObject>> = {
  general_settings: generalSettings,
  litellm_settings: litellmSettings,
  router_settings: routerSettings,
};

/** The settings of a section that can be changed at run time. */
export function describeSettings(section: OverridableSection): SettingDescription[] {
  return Object.entries(SECTIONS[section]?.shape ?? {})
    .filter(([name]) => !isFileOnly(section, name))
    .map(([name, schema]) => ({ name, type: typeOf(schema as z.ZodType), live: isLive(section, name) }));
}

/** By trying: a schema's innards are its own business, what it takes is not. */
function typeOf(schema: z.ZodType): string {
  const takes = (value: unknown): boolean => schema.safeParse(value).success;
  if (takes(true)) return 'Boolean';
  if (takes(7)) return takes(0.5) ? 'Float' : 'Integer';
  if (takes([]) || takes(['10.0.0.1'])) return 'List';
  if (takes({})) return 'Dictionary';
  return 'String';
}
