import { parseArgs } from 'node:util';
import { type CommandOptions, type Flag, FLAGS } from './options.js';
import { isRemoteNoun } from './remote/nouns.js';
import { Misuse } from './remote/misuse.js';

/** What every command that reads the configuration takes; an image's arguments may name them all. */
const PROCESS: readonly Flag[] = ['config', 'port', 'host', 'data-dir', 'role'];
const SERVER: readonly Flag[] = ['url', 'data-dir'];

const FLAGS_OF: Readonly<Record<string, readonly Flag[]>> = {
  start: PROCESS,
  migrate: PROCESS,
  doctor: [...PROCESS, 'production'],
  'secrets rotate': [...PROCESS, 'check'],
  'audit verify': [...PROCESS, 'database', 'export', 'public-key'],
  'audit export': [...PROCESS, 'database', 'out'],
  'privacy export': [...PROCESS, 'database', 'user', 'customer'],
  'privacy erase': [...PROCESS, 'database', 'user', 'customer'],
  import: [...PROCESS, 'database', 'from', 'dry-run', 'salt-key-env'],
  'config check': [],
  login: [...SERVER, 'team'],
  logout: ['url'],
  explain: [
    ...SERVER,
    'output',
    'key',
    'model',
    'route',
    'user',
    'team',
    'organization',
    'customer',
    'tokens',
    'ip',
  ],
};
const NOUN: readonly Flag[] = [...SERVER, 'output'];
const OF_ACTION: Readonly<Record<string, readonly Flag[]>> = {
  create: [...NOUN, 'file'],
  update: [...NOUN, 'file'],
  rotate: [...NOUN, 'file'],
  block: [...NOUN, 'all'],
};

export interface CommandLine {
  readonly command: string;
  readonly rest: readonly string[];
  readonly options: CommandOptions;
  readonly wants: 'help' | 'version' | undefined;
}

/** Throws Misuse for a flag that does not exist, or has no value, or has one that it does not take. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], allowPositionals: true, options: FLAGS });
  } catch (error) {
    // Node goes on to explain how a file name may begin with a dash, which nobody meant.
    throw new Misuse(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  const { help, version, ...options } = parsed.values;
  const [command = 'start', ...rest] = parsed.positionals;
  const wants = help === true || command === 'help' ? 'help' : version === true ? 'version' : undefined;
  return { command, rest, options, wants };
}

/**
 * Refuses a flag that the command would not look at: who writes `privacy erase --dry-run` must not find out what it did. And a
 * password in an argument: everybody on the machine reads those.
 */
export function assertFlagsMeant({ command, rest, options }: CommandLine): void {
  const [action = ''] = rest;
  const named = [command, `${command} ${action}`].find((name) => Object.hasOwn(FLAGS_OF, name));
  const taken = named === undefined ? flagsOfNoun(command, action) : FLAGS_OF[named];
  const strange = Object.keys(options).find((name) => taken?.some((flag) => flag === name) === false);
  if (strange !== undefined)
    throw new Misuse(`${named ?? `${command} ${action}`.trim()} does not take --${strange}`);
  for (const [flag, variable] of [
    ['database', 'DATABASE_URL'],
    ['from', 'LITELLM_DATABASE_URL'],
  ] as const)
    if (holdsPassword(options[flag]))
      throw new Misuse(
        `--${flag} holds a password, and everybody on this machine can read arguments: put it into ${variable}`,
      );
}

function flagsOfNoun(command: string, action: string): readonly Flag[] | undefined {
  if (!isRemoteNoun(command)) return undefined;
  return Object.hasOwn(OF_ACTION, action) ? OF_ACTION[action] : NOUN;
}

function holdsPassword(text: string | undefined): boolean {
  if (text === undefined || !URL.canParse(text)) return false;
  const { password, searchParams } = new URL(text);
  return password !== '' || searchParams.has('password');
}
