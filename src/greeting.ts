import { join } from 'node:path';
import type { Config } from '#libs/config';
import { MASTER_KEY_FILE } from './master-key.js';

/** What a newcomer sees: where it listens, where its data is, and three lines to copy. Never a key. */
export function greeting(config: Config, url: string, store: string): string {
  const { dataDir } = config.server;
  const keyFile = join(dataDir, MASTER_KEY_FILE);
  const master =
    config.auth.masterKeySource === 'generated' ? `$(cat ${quote(keyFile)})` : '$LITELLM_MASTER_KEY';
  // With wildcards only, the name is the reader's choice.
  const model = config.models.find(({ modelName }) => !modelName.includes('*'))?.modelName ?? 'YOUR-MODEL';
  const body = `{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}`;
  const lines = [
    '',
    `  Tollgate listens on ${url}`,
    `  Data directory      ${dataDir}`,
    `  Store               ${store}`,
  ];
  if (config.auth.masterKeySource === 'generated') lines.push(`  Master key          cat ${quote(keyFile)}`);
  lines.push(
    '',
    '  Make a key, call the model, see the spend:',
    '',
    `  KEY=$(curl -s ${url}/key/generate -H "Authorization: Bearer ${master}" -d '{"models":["${model}"],"max_budget":1}' | sed 's/.*"key":"\\([^"]*\\)".*/\\1/')`,
    `  curl -s ${url}/v1/chat/completions -H "Authorization: Bearer $KEY" -d '${body}'`,
    `  curl -s ${url}/key/info -H "Authorization: Bearer $KEY"`,
    '',
  );
  return `${lines.join('\n')}\n`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
