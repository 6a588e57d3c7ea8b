import type { z } from 'zod';
import type { Findings } from './problems.js';
import { checkJwtSettings } from './sections/jwt-auth.schemas.js';
import {
  generalSettings,
  PROTECTIVE_GENERAL_SETTINGS,
  UNBUILT_GENERAL_SETTINGS,
} from './sections/general-settings.schemas.js';
import {
  BUILT_CALLBACKS,
  GUARDING_CALLBACKS,
  litellmSettings,
  PROTECTIVE_LITELLM_SETTINGS,
  UNBUILT_LITELLM_SETTINGS,
} from './sections/litellm-settings.schemas.js';
import { routerSettings, UNBUILT_ROUTER_SETTINGS } from './sections/router-settings.schemas.js';
import { parseSection, type SectionNames, type UnbuiltSettings } from './sections/section.js';
import { reportSections } from './sections/top-level.js';

export interface Sections {
  readonly general: Partial<z.output<typeof generalSettings>>;
  readonly litellm: Partial<z.output<typeof litellmSettings>>;
  readonly router: Partial<z.output<typeof routerSettings>>;
}

const NAMES: readonly SectionNames[] = [
  {
    name: 'general_settings',
    settings: [...Object.keys(generalSettings.shape), ...UNBUILT_GENERAL_SETTINGS.keys()],
  },
  {
    name: 'litellm_settings',
    settings: [...Object.keys(litellmSettings.shape), ...UNBUILT_LITELLM_SETTINGS.keys()],
  },
  {
    name: 'router_settings',
    settings: [...Object.keys(routerSettings.shape), ...UNBUILT_ROUTER_SETTINGS.keys()],
  },
];

const refusing = (unbuilt: UnbuiltSettings): string[] =>
  [...unbuilt].filter(([, setting]) => setting.refuses).map(([name]) => name);

/** Names that restrict or guard, wherever they stand: in the wrong place or misspelt they must not pass for absent. */
const PROTECTIVE: ReadonlySet<string> = new Set([
  ...PROTECTIVE_GENERAL_SETTINGS,
  ...PROTECTIVE_LITELLM_SETTINGS,
  ...refusing(UNBUILT_GENERAL_SETTINGS),
  ...refusing(UNBUILT_LITELLM_SETTINGS),
]);

/** Validates all sections of a file whose references are resolved. Never throws; what is wrong goes to `findings`. */
export function readSections(raw: Readonly<Record<string, unknown>>, findings: Findings): Sections {
  reportSections(raw, NAMES, PROTECTIVE, findings);
  checkJwtSettings(raw['general_settings'], findings);
  const others = (name: string) => () => NAMES.filter((section) => section.name !== name);
  const common = { protective: PROTECTIVE };
  const litellm = parseSection(
    raw['litellm_settings'],
    {
      ...common,
      name: 'litellm_settings',
      schema: litellmSettings,
      unbuilt: UNBUILT_LITELLM_SETTINGS,
      others: others('litellm_settings'),
    },
    findings,
  );
  reportCallbacks(litellm, findings);
  return {
    litellm,
    general: parseSection(
      raw['general_settings'],
      {
        ...common,
        name: 'general_settings',
        schema: generalSettings,
        unbuilt: UNBUILT_GENERAL_SETTINGS,
        others: others('general_settings'),
      },
      findings,
    ),
    router: parseSection(
      raw['router_settings'],
      {
        ...common,
        name: 'router_settings',
        schema: routerSettings,
        unbuilt: UNBUILT_ROUTER_SETTINGS,
        others: others('router_settings'),
      },
      findings,
    ),
  };
}

const CALLBACK_LISTS = [
  'callbacks',
  'success_callback',
  'failure_callback',
  'service_callback',
  'audit_log_callbacks',
] as const;

/** A callback of one's own can refuse or rewrite calls only from `callbacks`; the other lists hear of calls afterwards. */
function reportCallbacks(settings: Sections['litellm'], findings: Findings): void {
  for (const list of CALLBACK_LISTS) {
    for (const [index, name] of (settings[list] ?? []).entries()) {
      if (BUILT_CALLBACKS.has(name)) continue;
      const path = `litellm_settings.${list}.${index}`;
      const guards = GUARDING_CALLBACKS.has(name) || (list === 'callbacks' && /[./]/.test(name));
      if (guards) {
        findings.unsupported(
          path,
          `The callback ${name} is not there yet. It may refuse or redact calls, so starting without it would weaken security. Remove it to start without it.`,
          true,
        );
      } else findings.unsupported(path, `The callback ${name} is not there yet; nothing is sent to it.`);
    }
  }
}
