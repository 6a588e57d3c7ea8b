import { GatewayError } from '#libs/kernel';

/** Names of what is refused come from requests: what is said of them is bounded. */
const LONGEST_NAME = 128;

/** 400 for something that was to be stored. `what` goes on behind its name: ` is taken`, `: expected a number`. */
export function badField(path: string, what: string): GatewayError {
  const param = path.slice(0, LONGEST_NAME);
  return new GatewayError('request.bad_field', `'${param}'${what}`, { param });
}
