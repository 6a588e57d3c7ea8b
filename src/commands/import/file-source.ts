import { createHash } from 'node:crypto';
import { readModelFile } from '#libs/config';
import type { Omissions } from './omissions.js';
import type { Row, Source } from './source.js';

/**
 * A configuration file as a source: the models and credentials that LiteLLM keeps in its database once they are made by API. Its settings
 * stay in the file, where Tollgate reads them, and are named. Throws a ConfigError for a file that cannot be read.
 */
export function readFileSource(
  path: string,
  lookUp: (name: string) => string | undefined,
  omissions: Omissions,
): Source {
  const { models, credentials, unusable, others } = readModelFile(path, lookUp);
  for (const [name, why] of unusable) omissions.add(`credentials: ${why}`, name);
  for (const section of others)
    omissions.add('sections that stay in the file (start Tollgate with it)', section);
  const tables: Partial<Record<string, Row[]>> = {
    ProxyModelTable: modelRows(models),
    CredentialsTable: [...credentials].map(([name, { values, info }]) => ({
      credential_id: idOf('credential', name),
      credential_name: name,
      credential_values: values,
      credential_info: info,
    })),
  };
  return { rows: (table) => tables[table] ?? [], others: new Map(), ofFile: true };
}

function modelRows(models: ReturnType<typeof readModelFile>['models']): Row[] {
  const seen = new Map<string, number>();
  return models.map(({ model_name: name, litellm_params, model_info }) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    const said = model_info['id'];
    // By its place among those of its name: a changed parameter changes the model, and makes no second one.
    const id = typeof said === 'string' && said !== '' ? said : idOf('model', `${name}#${before}`);
    return { model_id: id, model_name: name, litellm_params, model_info };
  });
}

/** The same in every import. */
function idOf(noun: string, name: string): string {
  const hex = createHash('sha256').update(`tollgate import ${noun} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
