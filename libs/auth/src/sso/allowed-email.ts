import { GatewayError } from '#libs/kernel';

/** One local part, one at sign, one domain of the letters that domains have: what looks like an address and is none names nobody. */
const ADDRESS = /^[^\s@"<>(),;:\\]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;

/** The address as accounts are found by it: lower-case; undefined for what is not one. */
export function normalEmail(text: string): string | undefined {
  const email = text.trim().toLowerCase();
  return email.length <= 320 && ADDRESS.test(email) ? email : undefined;
}

/**
 * `ALLOWED_EMAIL_DOMAINS`: the whole domain, without case. `my-co.com.evil.org`, `evil-my-co.com` and letters that only look alike are
 * others, and so is somebody without an address.
 */
export function assertAllowedEmail(email: string | undefined, domains: readonly string[] | undefined): void {
  if (domains === undefined) return;
  if (email !== undefined && domains.includes(email.slice(email.lastIndexOf('@') + 1))) return;
  const message = 'The e-mail address of this account is not of a domain that may sign in here.';
  throw new GatewayError('auth.token_invalid', `Authentication Error, ${message}`, {
    param: 'user_email',
    detail: { message },
  });
}
