import type { Deployment } from '#libs/routing';

/** Keys as providers write them, whole or already starred by the provider: the first letters alone tell an attacker the account. */
const KEY_SHAPES =
  /\b(?:sk|pk|rk|gsk|xai|nvapi|pplx|csk|fw|r8|hf|glpat|AIza|eyJ)[-_]?[A-Za-z0-9_\-.*]{6,}|\bBearer\s+\S+|\b[0-9a-f]{32,}\b/g;
const MAX_MESSAGE = 2_000;
const MASK = '[secret]';

/** An upstream's sentence, safe to pass on: no credential of ours in it, one line of bounded length. */
export function maskedMessage(message: string, deployment: Deployment): string {
  let text = message.length > MAX_MESSAGE * 2 ? message.slice(0, MAX_MESSAGE * 2) : message;
  const secrets = [deployment.apiKey?.reveal(), ...Object.values(deployment.extraHeaders)];
  for (const secret of secrets)
    if (secret !== undefined && secret.length >= 6) text = text.replaceAll(secret, MASK);
  text = text.replace(KEY_SHAPES, MASK);
  // eslint-disable-next-line no-control-regex -- control characters would let an upstream forge log lines
  text = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}
