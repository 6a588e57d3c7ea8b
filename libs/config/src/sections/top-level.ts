import type { Findings } from '../problems.js';
import { findNearestName } from '../nearest-name.js';
import { guards, isOff, notBuilt, type SectionNames, type UnbuiltSettings } from './section.js';

export const SECTIONS = [
  'model_list',
  'general_settings',
  'litellm_settings',
  'router_settings',
  'environment_variables',
  'credential_list',
  'include',
] as const;

const UNBUILT_SECTIONS: UnbuiltSettings = new Map([
  ...guards({
    Guardrails: ['guardrails'],
    Policies: ['policies', 'policy_attachments'],
  }),
  ...notBuilt({
    'The MCP gateway': ['mcp_servers', 'mcp_tools', 'mcp_toolsets'],
    Agents: ['agents', 'agent_list'],
    'Prompt management': ['prompts'],
    'Vector stores': ['vector_store_registry'],
    'Search tools': ['search_tools'],
    'Sandbox tools': ['sandbox_tools'],
    Assistants: ['assistant_settings'],
    'Fine-tuning endpoints': ['finetune_settings'],
    'Files endpoints': ['files_settings'],
    'Default Vertex AI credentials': ['default_vertex_config'],
    'The settings of a callback': ['callback_settings'],
    Skills: ['skills'],
  }),
]);

/** Says of each section that is not read why, and of each unknown one what it may have meant. */
export function reportSections(
  sections: Readonly<Record<string, unknown>>,
  inside: readonly SectionNames[],
  protective: ReadonlySet<string>,
  findings: Findings,
): void {
  const known = new Set<string>([...SECTIONS, ...UNBUILT_SECTIONS.keys()]);
  for (const [name, value] of Object.entries(sections)) {
    const unbuilt = UNBUILT_SECTIONS.get(name);
    if (unbuilt && !isOff(value)) findings.unsupported(name, unbuilt.message, unbuilt.refuses);
    if (known.has(name)) continue;
    const home = inside.find(({ settings }) => settings.includes(name));
    const nearest = findNearestName(name, known);
    const hint = home ? ` It belongs into ${home.name}.` : nearest ? ` Did you mean \`${nearest}\`?` : '';
    const refuses = !isOff(value) && ((home !== undefined && protective.has(name)) || nearestGuards(nearest));
    const why = refuses ? ' It would restrict access, so nothing starts while it is ignored.' : '';
    findings.unknown(name, `This section is not known and does nothing.${hint}${why}`, refuses);
  }
}

/** A misspelt `general_settings` may hold the IP allow-list; a misspelt `guardrails` is one. */
function nearestGuards(nearest: string | undefined): boolean {
  return (
    nearest === 'general_settings' ||
    (nearest !== undefined && UNBUILT_SECTIONS.get(nearest)?.refuses === true)
  );
}
