import { type ErrorCode, GatewayError } from '#libs/kernel';

/** A 401 in the contract's words. */
export function refusal(code: ErrorCode, message: string, param = 'None'): GatewayError {
  return new GatewayError(code, `Authentication Error, ${message}`, { param });
}
