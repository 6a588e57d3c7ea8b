import { readFileSync } from 'node:fs';
import { AdminClient, RemoteFailure } from './admin-client.js';
import { findLogin } from './credentials.js';
import { Misuse } from './misuse.js';
import { type Ask, type Fields, type NounActions, NOUNS } from './nouns.js';
import { memberAt, table } from './table.js';

export const REMOTE_HELP = `
Managing a running Tollgate (TOLLGATE_URL, default http://127.0.0.1:4000; keys are never arguments, see below):
  tollgate login [--team ID]              sign in with a browser, or keep a key: tollgate login < FILE
  tollgate logout                         end that session, and forget it here
  tollgate keys|teams|users|budgets|models list [name=value ...]
  tollgate <noun> get ID
  tollgate <noun> create [name=value ...] | --file FILE      fields as in the admin API; values are JSON or text
  tollgate <noun> update ID [name=value ...] | --file FILE
  tollgate keys rotate ID · keys|teams|users block|unblock ID · keys block --all · <noun> delete ID
  tollgate explain DECISION_ID            why a request was refused, by the decision_id of its answer
  tollgate explain --model M [--route R] [--key ID|ALIAS|- | --user ID --team ID --organization ID] [--tokens N] [--ip A]
                                          whether a call would be served, and what would allow it (--key -: from standard input)
  -o json|table                           how answers are printed (default table)
  The key comes from TOLLGATE_API_KEY or LITELLM_MASTER_KEY, from \`tollgate login\`, or from the data directory of a server here.
  Exit codes: 0 fine, 2 wrong usage, 3 not signed in, 4 not allowed, 5 not there, 6 refused, 7 try later, 8 no answer.
`;

export interface RemoteOptions {
  readonly url?: string | undefined;
  readonly 'data-dir'?: string | undefined;
  readonly output?: string | undefined;
  readonly file?: string | undefined;
  readonly all?: boolean | undefined;
}

export function isRemoteNoun(command: string): boolean {
  return Object.hasOwn(NOUNS, command);
}

/** Runs `tollgate <noun> <action>`; resolves with the exit code. */
export async function manage(noun: string, rest: readonly string[], options: RemoteOptions): Promise<number> {
  const actions = NOUNS[noun];
  if (!actions) throw new Misuse(`there is nothing called ${noun}`);
  const output = options.output ?? 'table';
  if (output !== 'table' && output !== 'json') throw new Misuse('-o takes json or table');
  const [action = '', ...args] = rest;
  for (const arg of args) assertNoSecret(arg);
  const ask = askFor(noun, actions, action, args, options);
  const { url, key } = findLogin({ url: options.url, dataDir: options['data-dir'] }, process.env);
  try {
    if (key === undefined) throw new RemoteFailure('no key: set TOLLGATE_API_KEY, or run tollgate login', 3);
    const answer = await new AdminClient(url, key).ask(ask);
    process.stdout.write(`${printed(answer, output, action, actions)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    process.stderr.write(`tollgate: ${error.message}\n`);
    return error.exitCode;
  }
}

function askFor(
  noun: string,
  actions: NounActions,
  action: string,
  args: readonly string[],
  options: RemoteOptions,
): Ask {
  const [id, ...others] = args;
  const named = (): string => {
    if (id === undefined || others.length > 0) throw new Misuse(`${noun} ${action} takes one id`);
    return id;
  };
  const wanted = <F>(found: F | undefined): F => {
    if (found === undefined) throw new Misuse(`${noun} cannot be asked to ${action || 'do nothing'}`);
    return found;
  };
  switch (action) {
    case 'list':
      return actions.list(fieldsOf(args));
    case 'get':
      return actions.get(named());
    case 'create':
      return actions.create({ ...fileFields(options.file), ...fieldsOf(args) });
    case 'update':
    case 'rotate': {
      if (id === undefined) throw new Misuse(`${noun} ${action} takes an id first`);
      return wanted(actions[action])(id, { ...fileFields(options.file), ...fieldsOf(others) });
    }
    case 'block':
      return options.all === true ? wanted(actions.blockAll)() : wanted(actions.block)(named());
    case 'unblock':
      return wanted(actions.unblock)(named());
    case 'delete':
      return actions.delete(named());
    default:
      throw new Misuse(`${noun} takes list, get, create, update, rotate, block, unblock or delete`);
  }
}

/** `max_budget=10 models=["demo"] key_alias=ci`: JSON where it is JSON, text otherwise. */
function fieldsOf(args: readonly string[]): Fields {
  const fields: Record<string, unknown> = {};
  for (const arg of args) {
    const at = arg.indexOf('=');
    if (at < 1) throw new Misuse(`expected name=value, got ${arg}`);
    const text = arg.slice(at + 1);
    try {
      fields[arg.slice(0, at)] = JSON.parse(text) as unknown;
    } catch {
      fields[arg.slice(0, at)] = text;
    }
  }
  return fields;
}

/** `-`: standard input. */
function fileFields(file: string | undefined): Fields {
  if (file === undefined) return {};
  const value: unknown = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Misuse('--file holds one JSON object');
  return value as Fields;
}

export function assertNoSecret(arg: string): void {
  if (/(?:^|=)"?(?:sk-|tollgate_cli_)[\w-]{8,}/.test(arg))
    throw new Misuse(
      'a key is not an argument: everybody on this machine could read it. Name it by alias or hash, or use --file -',
    );
}

function printed(answer: unknown, output: string, action: string, actions: NounActions): string {
  if (output === 'json') return JSON.stringify(answer, undefined, 2);
  if (action === 'list') {
    const rows: unknown = Array.isArray(answer) ? answer : memberAt(answer, actions.rows);
    if (Array.isArray(rows)) return table(rows as object[], actions.columns);
  }
  if (typeof answer !== 'object' || answer === null) return String(answer);
  const members = Object.entries(answer).map(([name, value]) => ({ name, value }));
  return table(members, ['name', 'value']);
}
