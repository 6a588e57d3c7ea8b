import { type ModuleReference } from './operator-module.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { moduleMember } from './operator-module.js';

export interface CustomAuthSettings {
  readonly module: ModuleReference;
  /** `on`: only it decides. `auto`: it is asked first, and `null` goes on to the other methods. */
  readonly mode: 'on' | 'auto';
}

export function readCustom(
  general: Sections['general'],
  folder: string,
  findings: Findings,
): { custom?: CustomAuthSettings } {
  const mode = general.custom_auth_settings?.mode ?? 'on';
  if (general.custom_auth === undefined || mode === 'off') return {};
  const { module } = moduleMember(
    'module',
    general.custom_auth,
    folder,
    'general_settings.custom_auth',
    findings,
  );
  return module === undefined ? {} : { custom: { module, mode } };
}
