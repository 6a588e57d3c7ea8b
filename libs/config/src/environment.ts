import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Findings } from './problems.js';
import { isPlainObject } from './secret-values.js';
import { typeName } from './sections/section.js';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the `.env` file of a folder, if there is one; says so when other users of the machine can read it too. */
export function readEnvFile(folder: string, findings: Findings): Variables {
  const path = join(folder, '.env');
  if (!existsSync(path)) return {};
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0)
      findings.notice(path, 'other users of this machine can read this file; run: chmod 600 .env');
    return parseEnv(readFileSync(path, 'utf8'));
  } catch {
    // Whatever the reason (a folder, no permission), the operator must know that its values are missing.
    findings.error(path, 'the file is there and cannot be read');
    return {};
  }
}

/** Names that steer a process or its libraries. A configuration file must not be able to set them. */
const DANGEROUS =
  /^(?:PATH|HOME|USER|SHELL|IFS|ENV|BASH_ENV|TMPDIR|NO_PROXY|HTTPS?_PROXY|ALL_PROXY|SSL_CERT_.*|LD_.*|DYLD_.*|PYTHON.*|NODE_.*|NPM_.*|GIT_.*|OPENSSL_.*)$/i;

/** `environment_variables` of the file: names for `os.environ/` and provider keys. They never reach the process environment. */
export function readEnvironmentSection(raw: unknown, findings: Findings): Variables {
  if (raw === undefined || raw === null) return {};
  if (!isPlainObject(raw)) {
    findings.error('environment_variables', `expected a mapping of names to values, got ${typeName(raw)}`);
    return {};
  }
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    const path = `environment_variables.${name}`;
    if (DANGEROUS.test(name))
      findings.error(path, 'this variable steers the process itself and cannot be set here');
    else if (value === null || value === undefined) continue;
    else if (typeof value === 'object') findings.error(path, `expected text, got ${typeName(value)}`);
    else variables[name] = String(value);
  }
  return variables;
}

/** Looks a variable up in each source in turn. An empty value counts as not set: compose files write `REDIS_URL=`. */
export class Environment {
  constructor(private readonly sources: readonly Variables[]) {}

  get(name: string): string | undefined {
    for (const source of this.sources) {
      const value = source[name];
      if (value !== undefined && value.trim() !== '') return value;
    }
    return undefined;
  }

  flag(name: string, findings: Findings): boolean | undefined {
    const value = this.get(name)?.trim().toLowerCase();
    if (value === undefined) return undefined;
    if (['true', '1', 'yes', 'on'].includes(value)) return true;
    if (['false', '0', 'no', 'off'].includes(value)) return false;
    findings.error(name, 'expected true or false');
    return undefined;
  }

  wholeNumber(name: string, minimum: number, maximum: number, findings: Findings): number | undefined {
    return wholeNumber(this.get(name), name, minimum, maximum, findings);
  }

  list(name: string): string[] | undefined {
    return this.get(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
}

export function wholeNumber(
  value: string | number | undefined,
  name: string,
  minimum: number,
  maximum: number,
  findings: Findings,
): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value === 'number' ? value : /^\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
  findings.error(name, `expected a whole number from ${minimum} to ${maximum}`);
  return undefined;
}
