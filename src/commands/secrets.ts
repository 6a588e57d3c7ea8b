import { checkSecrets, rotateSecrets, type SecretColumnState } from '#libs/database';
import { secretColumnsOf } from '../store.js';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';
import { withStore } from './with-store.js';

/**
 * `secrets rotate`: seals every stored secret anew, while the gateway runs. `--check` changes nothing: exit 1 when a secret
 * cannot be read, or is still sealed with an earlier key.
 */
export async function rotate(options: CommandOptions): Promise<number> {
  const config = await readConfig(options);
  return withStore(config, undefined, async (dataSource) => {
    const states = await (options.check ? checkSecrets : rotateSecrets)(dataSource, secretColumnsOf(config));
    process.stdout.write(report(states));
    return states.every(({ older, unreadable }) => older === 0 && unreadable === 0) ? 0 : 1;
  });
}

function report(states: readonly SecretColumnState[]): string {
  return states
    .map(
      ({ column, current, older, unreadable }) =>
        `${column}: ${current} sealed with the current key, ${older} with an earlier one, ${unreadable} unreadable\n`,
    )
    .join('');
}
