import { fstatSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandOptions } from '../options.js';
import { AdminClient, RemoteFailure } from './admin-client.js';
import { reporting } from './asking.js';
import { DEFAULT_URL, forgetLogin, namedUrl, saveLogin } from './credentials.js';
import { Misuse } from './misuse.js';

interface Started {
  readonly login_id: string;
  readonly poll_secret: string;
  readonly user_code: string;
  readonly expires_in: number;
  readonly verification_uri?: string;
}

interface Polled {
  readonly status?: string;
  readonly key?: string;
  readonly user_id?: string;
  readonly team_id?: string | null;
  readonly requires_team_selection?: boolean;
  readonly team_details?: readonly { readonly team_id: string; readonly team_alias: string | null }[];
}

/** Often enough that nobody waits, seldom enough that nobody minds. */
const POLL_MS = 2_000;
const CHOOSE_TEAM = 6;
const GAVE_UP = 3;
const CLI_TOKEN_PREFIX = 'tollgate_cli_';

/** Signs in: with a browser, or, where standard input is a file or a pipe, with the key that comes from there. Resolves with the exit code. */
export async function login(options: CommandOptions): Promise<number> {
  const url = (namedUrl(options.url, process.env) ?? DEFAULT_URL).replace(/\/+$/, '');
  return reporting(async () => {
    const piped = pipedKey();
    const key = piped ?? (await browserKey(url, options.team));
    if (piped !== undefined) await new AdminClient(url, piped).ask({ method: 'GET', path: '/v1/models' });
    process.stdout.write(`Signed in to ${url}; kept in ${saveLogin({ url, key }, process.env)}\n`);
    return 0;
  });
}

/** Ends the session of the kept login on the server, and forgets it here; a kept key goes on working, and is said to. */
export async function logout(options: CommandOptions): Promise<number> {
  return reporting(async () => {
    const stored = forgetLogin(process.env);
    if (stored === undefined) {
      process.stdout.write('Nobody was signed in.\n');
      return 0;
    }
    const url = options.url ?? stored.url;
    if (!stored.key.startsWith(CLI_TOKEN_PREFIX)) {
      process.stdout.write('Forgotten. It was a key: it works until it is deleted.\n');
      return 0;
    }
    try {
      await new AdminClient(url, stored.key).ask({ method: 'POST', path: '/session/logout', body: {} });
    } catch (error) {
      // 3: it was over already.
      if (!(error instanceof RemoteFailure) || error.exitCode !== GAVE_UP) throw error;
    }
    process.stdout.write(`Signed out of ${url}.\n`);
    return 0;
  });
}

/** Undefined when nothing is piped in: a terminal, or no input at all. */
function pipedKey(): string | undefined {
  const input = fstatSync(0);
  if (!input.isFile() && !input.isFIFO() && !input.isSocket()) return undefined;
  const key = readFileSync(0, 'utf8').split('\n', 1)[0]?.trim() ?? '';
  if (key === '') throw new Misuse('there is no key on standard input');
  return key;
}

async function browserKey(url: string, team: string | undefined): Promise<string> {
  const client = new AdminClient(url, '');
  const started = (await client.ask({ method: 'POST', path: '/sso/cli/start', body: {} })) as Started;
  const page =
    started.verification_uri ??
    `${url}/sso/key/generate?source=litellm-cli&key=${encodeURIComponent(started.login_id)}`;
  process.stderr.write(
    `Open this page, sign in, and type the code.\n\n  ${page}\n\n  Code: ${started.user_code}\n\n`,
  );
  const path = `/sso/cli/poll/${encodeURIComponent(started.login_id)}${team === undefined ? '' : `?team_id=${encodeURIComponent(team)}`}`;
  const until = Date.now() + started.expires_in * 1_000;
  while (Date.now() < until) {
    const polled = (await client.ask({
      method: 'GET',
      path,
      headers: { 'x-litellm-cli-poll-secret': started.poll_secret },
    })) as Polled;
    if (polled.key !== undefined) return polled.key;
    if (polled.requires_team_selection === true) throw chooseTeam(polled);
    await delay(POLL_MS);
  }
  throw new RemoteFailure('nobody has typed the code in time', GAVE_UP);
}

function chooseTeam({ team_details: teams = [] }: Polled): RemoteFailure {
  const names = teams.map(({ team_id: id, team_alias: alias }) => (alias === null ? id : `${id} (${alias})`));
  return new RemoteFailure(
    `you are in several teams; say which with --team ID: ${names.join(', ')}`,
    CHOOSE_TEAM,
  );
}
