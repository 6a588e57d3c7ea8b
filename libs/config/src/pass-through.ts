import { isSecretName, type NanoUsd, parseUsd, Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import {
  PASS_THROUGH_METHODS,
  type PassThroughMethod,
  type WrittenEndpoint,
} from './sections/pass-through.schemas.js';

/** An entry of `general_settings.pass_through_endpoints`, or one like it that was made by API: a path of ours whose calls go to one fixed address. */
export interface PassThroughEndpoint {
  /** The id of one that is kept in the database; absent: the file's. */
  readonly storedId?: string;
  /** Whole plain segments, without a slash at the end. */
  readonly path: string;
  /** Paths below it go to the same paths below the target. */
  readonly includeSubpath: boolean;
  readonly methods: readonly PassThroughMethod[];
  readonly target: {
    readonly origin: string;
    /** Without a slash at the end; empty at the root. */
    readonly path: string;
    /** They go along with every call, and win over the caller's of the same name. */
    readonly query: readonly (readonly [string, string | Secret])[];
  };
  /** Lower-case names. They win over whatever the caller sent. */
  readonly headers: readonly (readonly [string, string | Secret])[];
  /** The caller's own headers go along too: all but credentials, framing and what says where it came from. */
  readonly forwardsHeaders: boolean;
  /** False: anybody may call it, under its own limit. */
  readonly requiresCaller: boolean;
  /** Where its clients put the key, when no usual header has one; lower-case. */
  readonly keyHeader?: string;
  /** Langfuse's clients send `Basic base64(key:anything)`. */
  readonly keyIsBasicUser: boolean;
  /** Absent: nobody knows what a call costs. */
  readonly costNanoUsd?: NanoUsd;
  readonly timeoutMs?: number;
  /** Of all callers together. */
  readonly requestsPerMinute?: number;
  readonly maxParallelRequests?: number;
}

/** What of an endpoint says which calls are its. */
export type EndpointPlace = Pick<PassThroughEndpoint, 'path' | 'includeSubpath'>;

/** The member of `headers` that is none: it names the header in which this endpoint's clients send their key (contract/auth 1.1). */
const KEY_HEADER_MEMBER = 'litellm_user_api_key';
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e\x80-\xff]*$/;
/** Framing and addressing belong to the connection, not to a configuration. */
const NOT_SETTABLE = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'proxy-connection',
]);
/** What these say is no secret, and to mask it wherever it appears would make logs unreadable. */
const OPEN_HEADERS = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);
/** `Bearer os.environ/NAME`: a variable inside a longer text. */
const REFERENCE = /os\.environ\/([A-Za-z_][A-Za-z0-9_]*)/g;

/** Reads every endpoint; one whose target's variable is not set is left out, with a notice, as a model would be. */
export function readPassThrough(
  { general }: Sections,
  environment: Environment,
  findings: Findings,
): PassThroughEndpoint[] {
  const endpoints: PassThroughEndpoint[] = [];
  for (const [index, written] of (general.pass_through_endpoints ?? []).entries()) {
    const path = `general_settings.pass_through_endpoints.${index}`;
    const made = compileEndpoint(written, path, environment, findings);
    if (made === undefined) continue;
    const rival = endpoints.find((one) => pathsOverlap(one, made));
    if (rival !== undefined)
      findings.error(
        `${path}.path`,
        `lies on the path of another endpoint, ${rival.path}: which of them serves a call must not depend on their order`,
      );
    endpoints.push(made);
  }
  return endpoints;
}

/** One entry, compiled; undefined, with a notice, without a target. */
export function compileEndpoint(
  written: WrittenEndpoint,
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): PassThroughEndpoint | undefined {
  const target = readTarget(written, path, environment, findings);
  return target && toEndpoint(written, target, path, environment, findings);
}

function toEndpoint(
  written: WrittenEndpoint,
  target: PassThroughEndpoint['target'],
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): PassThroughEndpoint {
  const { keyHeader, headers } = readHeaders(written, path, environment, findings);
  const requiresCaller = written.auth ?? true;
  if (!requiresCaller && written.rpm_limit === undefined)
    findings.error(
      `${path}.auth`,
      'without auth anybody may call it with the credentials written here: set rpm_limit on the endpoint, so that there is an end to it',
    );
  return {
    path: written.path,
    includeSubpath: written.include_subpath ?? false,
    methods: written.methods ?? PASS_THROUGH_METHODS,
    target,
    headers,
    forwardsHeaders: written.forward_headers ?? false,
    requiresCaller,
    ...(keyHeader === undefined ? {} : { keyHeader }),
    keyIsBasicUser: written.custom_auth_parser === 'langfuse',
    ...(written.cost_per_request === undefined ? {} : { costNanoUsd: parseUsd(written.cost_per_request) }),
    ...(written.timeout === undefined ? {} : { timeoutMs: written.timeout }),
    ...(written.rpm_limit === undefined ? {} : { requestsPerMinute: written.rpm_limit }),
    ...(written.max_parallel_requests === undefined
      ? {}
      : { maxParallelRequests: written.max_parallel_requests }),
  };
}

function readTarget(
  written: WrittenEndpoint,
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): PassThroughEndpoint['target'] | undefined {
  const text =
    written.target === undefined
      ? undefined
      : resolved(written.target, `${path}.target`, environment, findings);
  if (text === undefined) {
    findings.notice(path, 'has no target; nothing is served there');
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    findings.error(`${path}.target`, 'expected an address such as https://api.example.com/v1');
    return undefined;
  }
  if (url.username !== '' || url.password !== '') {
    findings.error(`${path}.target`, 'holds a password; send it in headers.Authorization instead');
    return undefined;
  }
  return {
    origin: url.origin,
    path: url.pathname.replace(/\/+$/, ''),
    query: [...url.searchParams, ...queryOf(written, path, environment, findings)].map(
      ([name, value]) => [name, isSecretName(name) ? new Secret(value) : value] as const,
    ),
  };
}

function queryOf(
  { default_query_params: params }: WrittenEndpoint,
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): [string, string][] {
  return Object.entries(params ?? {}).flatMap(([name, text]): [string, string][] => {
    const value = resolved(text, `${path}.default_query_params.${name}`, environment, findings);
    return value === undefined ? [] : [[name, value]];
  });
}

function readHeaders(
  written: WrittenEndpoint,
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): { keyHeader?: string; headers: [string, string | Secret][] } {
  const headers: [string, string | Secret][] = [];
  let keyHeader: string | undefined;
  for (const [rawName, rawValue] of Object.entries(written.headers ?? {})) {
    const at = `${path}.headers.${rawName}`;
    const name = rawName.trim().toLowerCase();
    if (name === KEY_HEADER_MEMBER) {
      keyHeader = rawValue.trim().toLowerCase();
      if (!HEADER_NAME.test(keyHeader)) findings.error(at, 'expected the name of an HTTP header');
      continue;
    }
    const value = resolved(rawValue, at, environment, findings);
    if (!HEADER_NAME.test(name)) findings.error(at, 'this is not the name of an HTTP header');
    else if (NOT_SETTABLE.has(name))
      findings.error(at, 'this header belongs to the connection and cannot be set');
    else if (value !== undefined && !HEADER_VALUE.test(value))
      findings.error(at, 'the value holds characters that a header may not have');
    else if (headers.some(([known]) => known === name)) findings.error(at, 'this header is set twice');
    else if (value !== undefined) headers.push([name, OPEN_HEADERS.has(name) ? value : new Secret(value)]);
  }
  return { ...(keyHeader === undefined ? {} : { keyHeader }), headers };
}

/** The text with every `os.environ/NAME` in it replaced, wherever it stands; undefined, with a notice, when one is not set. */
function resolved(
  text: string,
  path: string,
  environment: Pick<Environment, 'get'>,
  findings: Findings,
): string | undefined {
  let isMissing = false;
  const value = text.replaceAll(REFERENCE, (_, name: string) => {
    const found = environment.get(name)?.trim();
    if (found === undefined) {
      findings.notice(path, `the environment variable ${name} is not set; the setting counts as absent`);
      isMissing = true;
    }
    return found ?? '';
  });
  return isMissing ? undefined : value.trim();
}

/** Whether one call could belong to both: which of them serves it would depend on their order. */
export function pathsOverlap(one: EndpointPlace, other: EndpointPlace): boolean {
  if (one.path === other.path) return true;
  return (
    (one.includeSubpath && other.path.startsWith(`${one.path}/`)) ||
    (other.includeSubpath && one.path.startsWith(`${other.path}/`))
  );
}
