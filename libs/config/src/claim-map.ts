import type { Environment } from './environment.js';
import type { Findings } from './problems.js';

/** A claim of an identity provider, and where in the metadata of its user it is kept. */
export interface CopiedClaim {
  /** Dotted, from the outside in. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Metadata is shown to whoever sees the user, and steers nothing: what opens something does not belong there. */
const SECRET = /access_token|api_key|client_secret|id_token|password|private_key|refresh_token|secret/i;
/** Names by which metadata is read as a limit, a right, or as who vouched for the account. */
const OURS =
  /^(?:auth_provider|auth_issuer|scim_.*|.*_limit|.*_budget|.*_budget_.*|.*allowed_.*|denied_.*|tags|guardrails|policies)$/;
const PATH = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const NOT_A_NAME: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** `CLI_SSO_CLAIM_MAP`: `claim->name,claim->name`, names with or without `metadata.` before them (contract/auth 5.8). */
export function readClaimMap(environment: Environment, findings: Findings): readonly CopiedClaim[] {
  const name =
    environment.get('CLI_SSO_CLAIM_MAP') === undefined ? 'LITELLM_CLI_SSO_CLAIM_MAP' : 'CLI_SSO_CLAIM_MAP';
  return (environment.list(name) ?? []).flatMap((pair) => {
    const [from = '', to = '', ...rest] = pair.split('->').map((part) => part.trim());
    const target = to.replace(/^metadata\./, '').split('.');
    const isNamed = PATH.test(target.join('.')) && !target.some((part) => NOT_A_NAME.has(part));
    if (from === '' || rest.length > 0 || !isNamed) {
      findings.error(
        name,
        'expected claim->name pairs with commas between, names of letters, digits, _ and -',
      );
      return [];
    }
    if (SECRET.test(to) || target.some((part) => OURS.test(part))) {
      findings.error(
        name,
        'a name there is one of a secret, or one that metadata is governed by; choose another',
      );
      return [];
    }
    const path = from.split(/(?<!\\)\./).map((part) => part.replaceAll('\\.', '.'));
    return [{ from: path, to: target }];
  });
}
