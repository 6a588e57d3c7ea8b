import { readFileSync } from 'node:fs';
import { isRecord } from '#libs/kernel';
import type { CommandOptions } from '../options.js';
import { type AdminClient, RemoteFailure } from './admin-client.js';
import { formatOf, reporting, signedInClient } from './asking.js';
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

/** Runs `tollgate <noun> <action>`; resolves with the exit code. */
export async function manage(
  noun: string,
  rest: readonly string[],
  options: CommandOptions,
): Promise<number> {
  const actions = NOUNS[noun];
  if (!actions) throw new Misuse(`there is nothing called ${noun}`);
  const format = formatOf(options);
  const [action = '', ...args] = rest;
  for (const arg of args) assertNoSecret(arg);
  const asked = (words: readonly string[]): Ask => askFor(noun, actions, action, words, options);
  const first = asked(args);
  return reporting(async () => {
    const client = signedInClient(options);
    await assertFieldsKnown(client, first);
    const id = await findId(client, noun, actions, BY_ID.has(action) ? args[0] : undefined);
    const answer = await client.ask(id === undefined ? first : asked([id, ...args.slice(1)]));
    process.stdout.write(`${printed(answer, format, action, actions)}\n`);
    if (action === 'list') tellMorePages(answer);
    return 0;
  });
}

const BY_ID: ReadonlySet<string> = new Set(['get', 'update', 'rotate', 'block', 'unblock', 'delete']);

/** The id of what people call by this name; undefined where the name may go on as it is. */
async function findId(
  client: AdminClient,
  noun: string,
  actions: NounActions,
  name: string | undefined,
): Promise<string | undefined> {
  const question = name === undefined ? undefined : actions.called?.(name);
  if (question === undefined) return undefined;
  const rows: unknown = memberAt(await client.ask(question), actions.rows);
  const found = Array.isArray(rows) ? rows.map((row) => String(memberAt(row, actions.columns[0] ?? ''))) : [];
  if (found.length > 1)
    throw new RemoteFailure(`several ${noun} are called ${name}; name one: ${found.join(', ')}`, 6);
  // Not found: the server says so in its own words.
  return found[0];
}

/**
 * Refuses a field that the route does not have: the API passes over those as LiteLLM does, and `max_budgt=1` would make a key without a
 * budget. A server that does not show its document is believed.
 */
async function assertFieldsKnown(client: AdminClient, { method, path, body }: Ask): Promise<void> {
  if (method !== 'POST' || body === undefined) return;
  const document = await client.ask({ method: 'GET', path: '/openapi.json' }).catch((error: unknown) => {
    if (error instanceof RemoteFailure && (error.exitCode === 4 || error.exitCode === 5)) return undefined;
    throw error;
  });
  const known = memberAt(
    document,
    `paths.${path}.post.requestBody.content.application/json.schema.properties`,
  );
  if (typeof known !== 'object' || known === null) return;
  const strange = Object.keys(body).find((name) => !Object.hasOwn(known, name));
  if (strange !== undefined)
    throw new Misuse(`${path} has no field ${strange}; it has ${Object.keys(known).sort().join(', ')}`);
}

/** On standard error, so that what is piped on is rows only. */
function tellMorePages(answer: unknown): void {
  const pages = Number(memberAt(answer, 'total_pages'));
  const page = Number(memberAt(answer, 'current_page') ?? memberAt(answer, 'page'));
  if (pages > page)
    process.stderr.write(`tollgate: page ${page} of ${pages}; the next one: page=${page + 1}\n`);
}

function askFor(
  noun: string,
  actions: NounActions,
  action: string,
  args: readonly string[],
  options: CommandOptions,
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
  const value = parsedFile(file);
  if (!isRecord(value)) throw new Misuse('--file holds one JSON object');
  return value;
}

/** What is in the file stays out of the message: it may be the wrong one. */
function parsedFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new Misuse(
      `--file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Misuse(`--file: ${file === '-' ? 'standard input' : file} is not JSON`);
  }
}

export function assertNoSecret(arg: string): void {
  if (/(?:^|=)"?(?:sk-|tollgate_cli_)[\w-]{8,}/.test(arg))
    throw new Misuse(
      'a key is not an argument: everybody on this machine could read it. Name it by alias or hash, or use --file -',
    );
}

function printed(answer: unknown, format: 'table' | 'json', action: string, actions: NounActions): string {
  if (format === 'json') return JSON.stringify(answer, undefined, 2);
  if (action === 'list') {
    const rows: unknown = Array.isArray(answer) ? answer : memberAt(answer, actions.rows);
    if (Array.isArray(rows)) return table(rows as object[], actions.columns);
  }
  const shown = memberAt(answer, actions.one) ?? answer;
  if (typeof shown !== 'object' || shown === null) return String(shown);
  const members = Object.entries(shown).filter(([, value]) => value !== null && value !== undefined);
  return table(
    members.map(([name, value]) => ({ name, value: value as unknown })),
    ['name', 'value'],
    { isWhole: true },
  );
}
