import { productVersion } from '../version.js';
import { describeFailure } from './failure.js';
import { assertFlagsMeant, parseCommandLine } from './flags.js';
import type { CommandOptions } from './options.js';
import { manage, REMOTE_HELP } from './remote/command.js';
import { login, logout } from './remote/login.js';
import { Misuse } from './remote/misuse.js';
import { isRemoteNoun } from './remote/nouns.js';

const HELP = `Tollgate: an open, self-hosted control plane for LLM traffic.

Usage: tollgate [start] [options]       run the gateway (default)
       tollgate migrate [options]       bring the database's schema up to date, then exit
       tollgate doctor [--production]   explain what is wrong with this environment, in sentences
       tollgate secrets rotate [--check]  seal stored secrets anew; --check only looks
       tollgate audit verify            find out whether the audit trail is as it was written (--export FILE)
       tollgate audit export            the audit trail as JSON lines (--out FILE)
       tollgate privacy export|erase    everything kept of one person, or its end (--user ID or --customer ID)
       tollgate import [--dry-run]      bring keys, teams, people, budgets, models and spend over from a LiteLLM database
                                        (LITELLM_DATABASE_URL; --salt-key-env NAME opens its stored secrets),
                                        or models and credentials from a proxy_config.yaml (--from FILE)
       tollgate config check FILE       list everything in a proxy_config.yaml that is wrong or not there yet

Options (environment variable):
  --config FILE     proxy_config.yaml to read            (CONFIG_FILE_PATH)
  --port N          port to listen on, default 4000      (PORT)
  --host H          address to listen on, 127.0.0.1      (HOST)
  --data-dir DIR    where keys, spool and store live     (.tollgate)
  --role R          all | proxy | admin | worker         (TOLLGATE_ROLE, default all)
  --production      doctor: also run the production checklist
  --help, --version

Stores: DATABASE_URL (default: an embedded PostgreSQL), REDIS_URL.
Keys:   LITELLM_MASTER_KEY (default: one is made on first start and kept in the data directory),
        LITELLM_SALT_KEY (seals stored secrets; a kept one on the embedded store, needed with DATABASE_URL).
${REMOTE_HELP}`;

/** Runs one command of the CLI; resolves with the exit code (0 fine, 1 failed, 2 wrong usage) once there is nothing left to do. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  let command = '';
  try {
    const line = parseCommandLine(argv);
    command = line.command;
    if (line.wants === 'help') return print(HELP);
    if (line.wants === 'version') return print(`${productVersion()}\n`);
    assertFlagsMeant(line);
    return await dispatch(command, line.rest, line.options);
  } catch (error) {
    if (error instanceof Misuse) return usage(error.message, command);
    process.stderr.write(`tollgate: ${describeFailure(error)}\n`);
    return 1;
  }
}

/** Each command is loaded when it is asked for: help and a wrong flag answer at once. */
const WITHOUT_ARGUMENTS = {
  start: async (options: CommandOptions) => (await import('./start.js')).start(options),
  migrate: async (options: CommandOptions) => (await import('./migrate.js')).migrate(options),
  doctor: async (options: CommandOptions) => (await import('./doctor/command.js')).doctor(options),
};

async function dispatch(command: string, rest: readonly string[], options: CommandOptions): Promise<number> {
  switch (command) {
    case 'start':
    case 'migrate':
    case 'doctor':
      if (rest.length > 0) throw new Misuse(`${command} takes no argument: ${rest.join(' ')}`);
      return WITHOUT_ARGUMENTS[command](options);
    case 'secrets':
      if (rest.length !== 1 || rest[0] !== 'rotate') throw new Misuse('secrets takes one action: rotate');
      return (await import('./secrets.js')).rotate(options);
    case 'audit': {
      const [action] = rest;
      if (rest.length !== 1 || (action !== 'verify' && action !== 'export'))
        throw new Misuse('audit takes one action: verify or export');
      const audit = await import('./audit.js');
      return action === 'verify' ? audit.verify(options) : audit.exportTrail(options);
    }
    case 'privacy': {
      const [action] = rest;
      if (rest.length !== 1 || (action !== 'export' && action !== 'erase'))
        throw new Misuse('privacy takes one action: export or erase');
      return (await import('./privacy.js')).privacy(action, options);
    }
    case 'import':
      if (rest.length > 0)
        throw new Misuse('import takes no argument: name the database in LITELLM_DATABASE_URL');
      return (await import('./import/command.js')).importLiteLLM(options);
    case 'config': {
      const [action, file] = rest;
      if (action !== 'check' || file === undefined || rest.length > 2)
        throw new Misuse('config check takes one file');
      return (await import('./config-check.js')).checkConfigFile(file);
    }
    case 'login':
      if (rest.length > 0) throw new Misuse('login takes no argument: a key comes from standard input');
      return login(options);
    case 'logout':
      if (rest.length > 0) throw new Misuse('logout takes no argument');
      return logout(options);
    case 'explain':
      return (await import('./remote/explain.js')).explain(rest, options);
    default:
      if (isRemoteNoun(command)) return manage(command, rest, options);
      throw new Misuse(`there is no command ${command}`);
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** What was wrong, then the ways to write that command: the whole help would push the mistake off the screen. */
function usage(problem: string, command: string): number {
  const ways = command === '' ? [] : waysToWrite(command);
  const lines = [
    `tollgate: ${problem}`,
    ...(ways.length > 0 ? ['', ...ways] : []),
    '',
    'tollgate --help lists everything.',
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
  return 2;
}

function waysToWrite(command: string): string[] {
  const subject = isRemoteNoun(command) ? '(?:<noun>|keys\\|teams|keys rotate)' : command;
  const way = new RegExp(`^(?:Usage:)?\\s+tollgate \\[?${subject}(?!\\w)`);
  return HELP.split('\n')
    .filter((line) => way.test(line))
    .map((line) => line.replace(/^(?:Usage:)?\s+/, '  '));
}
