import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Findings } from './problems.js';

/** An export of an ES module of the operator's. */
export interface ModuleReference {
  readonly file: string;
  readonly exportName: string;
}

const EXTENSIONS = ['.mjs', '.js', '.ts'];

/** `./file.mjs:fn`, `file#fn` or `a.b.fn` (export `fn` of a/b.mjs, .js or .ts), beside the configuration file. */
export function moduleReference(
  text: string,
  folder: string,
  path: string,
  findings: Findings,
): ModuleReference | undefined {
  const direct = /^(.+\.[a-z]{2,3})[:#](\w+)$/.exec(text) ?? /^([^:#]+)[:#](\w+)$/.exec(text);
  const dotted = /^([\w.]+)\.(\w+)$/.exec(text);
  const stem = direct?.[1] ?? dotted?.[1]?.replaceAll('.', '/');
  const exportName = direct?.[2] ?? dotted?.[2];
  if (stem === undefined || exportName === undefined) {
    findings.error(path, 'expected a module and its export, such as ./my_auth.mjs:authenticate');
    return undefined;
  }
  const base = join(folder, stem);
  const candidates = /\.(?:mjs|js|ts)$/.test(stem) ? [base] : EXTENSIONS.map((extension) => base + extension);
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file !== undefined) return { file, exportName };
  const isPython = stem.endsWith('.py') || existsSync(`${base}.py`);
  findings.error(
    path,
    isPython
      ? 'this is a Python module, which this product cannot run: write it as an ES module'
      : `no such module: looked for ${candidates.map((candidate) => candidate.slice(folder.length + 1)).join(', ')} beside the configuration`,
  );
  return undefined;
}

/** A member of that name where the text names a module; else none, and the problem is told. */
export function moduleMember<Name extends string>(
  name: Name,
  text: string,
  folder: string,
  path: string,
  findings: Findings,
): Partial<Record<Name, ModuleReference>> {
  const module = moduleReference(text, folder, path, findings);
  return (module === undefined ? {} : { [name]: module }) as Partial<Record<Name, ModuleReference>>;
}
