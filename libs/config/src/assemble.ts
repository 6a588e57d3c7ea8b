import { Secret } from '#libs/kernel';
import { readAlerting } from './alerting.js';
import { readAuth } from './auth.js';
import { readCalls, readLimits } from './calls.js';
import type { ConfigTree } from './config.js';
import type { Environment } from './environment.js';
import { readKeys } from './keys.js';
import { readLogging } from './logging.js';
import type { ModelEntry, NamedCredential } from './models.js';
import { readBudgets, readPricing, readPriorities } from './money.js';
import { readPassThrough } from './pass-through.js';
import { readPeople } from './people.js';
import { readPrivacy } from './privacy.js';
import type { Findings } from './problems.js';
import { readRoles } from './roles.js';
import { readRouter } from './router.js';
import type { Sections } from './sections.js';
import { type ConfigFlags, readNetwork, readServer } from './server.js';
import { readSignIn } from './sign-in.js';
import { readStores, storesInFile } from './stores.js';

export interface Ingredients {
  readonly flags: ConfigFlags;
  readonly environment: Environment;
  readonly cwd: string;
  readonly configFile: string | undefined;
  readonly sections: Sections;
  readonly models: readonly ModelEntry[];
  readonly credentials: readonly NamedCredential[];
  /** The master key stands in the file as text, not as the name of a variable. */
  readonly masterKeyIsLiteral: boolean;
}

/** Merges what all sources say into the one tree. Problems go to `findings`; the tree is usable only without errors. */
export function assemble(parts: Ingredients, findings: Findings): Omit<ConfigTree, 'notices'> {
  const { flags, environment, cwd, configFile, sections, models, credentials, masterKeyIsLiteral } = parts;
  const { general, litellm } = sections;
  return {
    server: readServer(sections, environment, flags, { cwd, configFile }, findings),
    network: readNetwork(sections, findings),
    auth: readAuth(sections, environment, masterKeyIsLiteral, findings),
    passThrough: readPassThrough(sections, environment, findings),
    signIn: readSignIn(sections, environment, configFile, findings),
    stores: readStores(storesInFile(sections), environment, cwd, findings),
    secrets: {
      ...readSecret('saltKey', environment.get('LITELLM_SALT_KEY')),
      ...readSecret('previousSaltKey', environment.get('LITELLM_SALT_KEY_PREVIOUS')),
    },
    models,
    credentials,
    alerts: readAlerting(sections, environment, findings),
    environment: (name) => environment.get(name),
    router: readRouter(sections, findings),
    calls: readCalls(sections),
    limits: readLimits(sections, environment, findings),
    budgets: readBudgets(sections, findings),
    pricing: readPricing(sections),
    modelHub: {
      groups: litellm.public_model_groups ?? [],
      links: litellm.public_model_groups_links ?? {},
    },
    priorities: readPriorities(sections),
    logging: readLogging(sections, environment, findings),
    privacy: readPrivacy(sections),
    roles: readRoles(general, findings),
    metrics: { requireAuth: litellm.require_auth_for_metrics_endpoint ?? true },
    keys: readKeys(sections, environment, findings),
    people: readPeople(sections),
  };
}

function readSecret<Name extends string>(
  name: Name,
  text: string | undefined,
): Partial<Record<Name, Secret>> {
  return text === undefined ? {} : ({ [name]: new Secret(text.trim()) } as Record<Name, Secret>);
}
