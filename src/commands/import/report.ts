import type { Plan } from './plan.js';
import type { Imported } from './run-import.js';

const SHOWN = 20;

/** What an import did, or would do, for people: names and counts, never a secret. */
export function reportOf({ plans, omissions }: Imported, isDry: boolean): string {
  const lines = [isDry ? 'Dry run: nothing is changed.' : 'Imported.', ''];
  for (const plan of plans) lines.push(...linesOf(plan));
  const left = omissions.all();
  lines.push('', left.length === 0 ? 'Everything is carried over.' : 'Not carried over, or to look at:');
  for (const { what, names } of left) lines.push(`  ${names.length} x ${what}: ${shown(names)}`);
  return `${lines.map(printable).join('\n')}\n`;
}

function linesOf({ noun, fresh, changed, same }: Plan): string[] {
  if (fresh.length + changed.length + same === 0) return [];
  const lines = [`${noun.label}: ${fresh.length} new, ${changed.length} changed, ${same} the same`];
  if (fresh.length > 0) lines.push(`  new: ${shown(fresh.map(({ name }) => name))}`);
  const names = changed.map(({ draft, columns }) => `${draft.name} (${Object.keys(columns).join(', ')})`);
  if (names.length > 0) lines.push(`  changed: ${shown(names)}`);
  return lines;
}

function shown(names: readonly string[]): string {
  const rest = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}

/** Names were written by strangers: nothing in them may speak to a terminal. */
function printable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
