import type { Findings } from './problems.js';
import { isPlainObject } from './secret-values.js';

const ENVIRONMENT = 'os.environ/';
/** Texts with variables anywhere in them, whose reader looks them up itself. */
const READ_LATER =
  /^general_settings\.pass_through_endpoints\.\d+\.(?:target$|headers\.|default_query_params\.)/;
const WORKLOAD_IDENTITY = /^oidc\/(?:google|github|circleci|circleci_v2|azure|file|env|env_path)\//;

/**
 * The same tree with each `os.environ/NAME` replaced by that variable's value. A missing variable leaves the setting
 * out, is told as a notice, and its path is added to `missing`. Values of the environment are not resolved again.
 */
export function resolveReferences(
  value: unknown,
  path: string,
  lookUp: (name: string) => string | undefined,
  findings: Findings,
  missing: string[],
): unknown {
  if (typeof value === 'string' && READ_LATER.test(path)) return value;
  if (typeof value === 'string') return resolveText(value, path, lookUp, findings, missing);
  if (Array.isArray(value)) {
    const items = value.map((item, index) =>
      resolveReferences(item, `${path}.${index}`, lookUp, findings, missing),
    );
    return items.filter((item) => item !== undefined);
  }
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => {
    const below = path === '' ? name : `${path}.${name}`;
    return [name, resolveReferences(item, below, lookUp, findings, missing)] as const;
  });
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

function resolveText(
  text: string,
  path: string,
  lookUp: (name: string) => string | undefined,
  findings: Findings,
  missing: string[],
): string | undefined {
  if (WORKLOAD_IDENTITY.test(text)) {
    findings.unsupported(
      path,
      'Workload identity tokens (oidc/...) are not there yet; the setting counts as absent.',
    );
    missing.push(path);
    return undefined;
  }
  if (!text.startsWith(ENVIRONMENT)) return text;
  const name = text.slice(ENVIRONMENT.length).trim();
  const found = lookUp(name);
  if (found !== undefined && found !== '') return found;
  findings.notice(path, `the environment variable ${name} is not set; the setting counts as absent`);
  missing.push(path);
  return undefined;
}
