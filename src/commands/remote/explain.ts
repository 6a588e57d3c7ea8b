import { readFileSync } from 'node:fs';
import type { CommandOptions } from '../options.js';
import { formatOf, reporting, signedInClient } from './asking.js';
import { assertNoSecret } from './command.js';
import { Misuse } from './misuse.js';
import type { Ask } from './nouns.js';
import { table } from './table.js';

interface Scope {
  readonly type: string;
  readonly id: string | null;
}

/** The parts of both answers (`GET /decisions/{id}`, `POST /explain`) that people read. */
interface Explained {
  readonly allowed: boolean;
  readonly status: number | null;
  readonly reason: string | null;
  readonly message: string | null;
  readonly checks: readonly {
    readonly check: string;
    readonly scope: Scope | null;
    readonly verdict: string;
    readonly dimension?: string;
    readonly limit?: number | string;
    readonly current?: number | string;
    readonly resets_at?: string;
  }[];
  readonly would_allow: { readonly text: readonly string[]; readonly wait_until: string | null } | null;
}

/** Runs `tollgate explain`; resolves with the exit code: 0 when the call would be served or a decision was found, 4 when it would be refused. */
export async function explain(rest: readonly string[], options: CommandOptions): Promise<number> {
  const format = formatOf(options);
  const ask = askFor(rest, options);
  return reporting(async () => {
    const answer = (await signedInClient(options).ask(ask)) as Explained;
    process.stdout.write(`${format === 'json' ? JSON.stringify(answer, undefined, 2) : printed(answer)}\n`);
    return answer.allowed || ask.method === 'GET' ? 0 : 4;
  });
}

function askFor(rest: readonly string[], options: CommandOptions): Ask {
  const { key, model, route, user, team, organization, customer, tokens, ip } = options;
  const given = Object.entries({ key, model, route, user, team, organization, customer, tokens, ip });
  for (const text of [...rest, ...given.map(([, value]) => value ?? '')]) assertNoSecret(text);
  const [id, ...others] = rest;
  const isHypothesis = given.some(([, value]) => value !== undefined);
  if (others.length > 0 || (id === undefined) !== isHypothesis)
    throw new Misuse('explain takes a decision id, or --model and --route (and --key, --user, --team)');
  if (id !== undefined) return { method: 'GET', path: `/decisions/${encodeURIComponent(id)}` };
  const estimated = tokens === undefined ? undefined : Number(tokens);
  if (estimated !== undefined && !Number.isInteger(estimated)) throw new Misuse('--tokens takes a number');
  const fields = {
    key: key === '-' ? readFileSync(0, 'utf8').split('\n', 1)[0]?.trim() : key,
    model,
    route,
    user_id: user,
    team_id: team,
    organization_id: organization,
    user: customer,
    estimated_tokens: estimated,
    ip,
  };
  const body = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { method: 'POST', path: '/explain', body };
}

function printed({ allowed, status, reason, message, checks, would_allow: wouldAllow }: Explained): string {
  const rows = checks.map((check) => ({ ...check, scope: check.scope && shown(check.scope) }));
  return [
    allowed ? 'allowed' : `refused: ${status} ${reason}\n${message ?? ''}`,
    '',
    table(rows, ['check', 'scope', 'verdict', 'dimension', 'limit', 'current', 'resets_at']),
    ...(wouldAllow === null
      ? []
      : ['', 'It would be allowed by:', ...wouldAllow.text.map((line) => `  ${line}`)]),
    ...(wouldAllow?.wait_until ? [`  or by waiting until ${wouldAllow.wait_until}`] : []),
  ].join('\n');
}

function shown({ type, id }: Scope): string {
  return id === null || id === type ? type : `${type} ${id}`;
}
