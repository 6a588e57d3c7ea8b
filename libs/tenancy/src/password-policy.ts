import type { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { LONGEST_PASSWORD } from './passwords.js';

const WANTS = {
  uppercase: [/\p{Lu}/u, 'an upper-case letter'],
  lowercase: [/\p{Ll}/u, 'a lower-case letter'],
  number: [/\p{Nd}/u, 'a digit'],
  special: [/[^\p{L}\p{N}]/u, 'a special character'],
} as const;

/** Throws 400 with everything that a new password lacks (`password_policy_*`); what it is, is repeated nowhere. */
export function assertGoodPassword(
  { signIn }: Pick<Config, 'signIn'>,
  password: string,
  param = 'password',
): void {
  const { minLength, requires } = signIn.browser.passwords;
  const lacks = [
    // Characters, not bytes: an emoji is one.
    ...([...password].length < minLength ? [`at least ${minLength} characters`] : []),
    ...requires.flatMap((name) => (WANTS[name][0].test(password) ? [] : [WANTS[name][1]])),
  ];
  const problem =
    password.length > LONGEST_PASSWORD
      ? `A password has at most ${LONGEST_PASSWORD} characters.`
      : lacks.length > 0
        ? `A password needs ${lacks.join(', ')}.`
        : undefined;
  if (problem !== undefined)
    throw new GatewayError('request.bad_field', problem, { param, detail: { error: problem } });
}
