import { Disclosure, Erasure, toCertificateAnswer } from '#apps/admin';
import { AuditTrail, InstallationKey, NOBODY } from '#libs/audit';
import { Changes } from '#libs/database';
import { createLogger, MemorySink } from '#libs/telemetry';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';
import { Misuse } from './remote/misuse.js';
import { withStore } from './with-store.js';

/** `privacy export` and `privacy erase` of one user or customer: what the routes do, also while a gateway runs. Prints the answer as JSON. */
export async function privacy(action: 'export' | 'erase', options: CommandOptions): Promise<number> {
  const { user, customer } = options;
  if ((user === undefined) === (customer === undefined))
    throw new Misuse('name one person: --user ID or --customer ID');
  const kind = user === undefined ? 'customer' : 'user';
  const id = user ?? customer ?? '';
  const config = await readConfig(options);
  return withStore(config, options.database, async (dataSource, url) => {
    if (action === 'export') {
      print(await new Disclosure(dataSource).collect(kind, id));
      return 0;
    }
    const trail = new AuditTrail(InstallationKey.open(config.secrets.saltKey, config.server.dataDir));
    const changes = new Changes({ directUrl: url }, createLogger(config.logging, new MemorySink()));
    const erasure = new Erasure(dataSource, changes, trail, config);
    print(
      toCertificateAnswer(await erasure.erase(kind, id, { ...NOBODY, userId: 'tollgate privacy erase' })),
    );
    return 0;
  });
}

function print(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
}
