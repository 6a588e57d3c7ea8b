import { pathToFileURL } from 'node:url';
import type { ModuleReference } from '#libs/config';

/** The function an operator wrote for us. Throws, with the file's name, when there is none: start is refused then. */
export async function loadFunction<F>({ file, exportName }: ModuleReference): Promise<F> {
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const found = module[exportName];
  if (typeof found !== 'function')
    throw new Error(`${file} has no function that is exported as ${exportName}`);
  return found as F;
}
