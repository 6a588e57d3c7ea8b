import { type ErrorCode, GatewayError, type GatewayErrorOptions } from '#libs/kernel';

/** A 401 in the contract's words. */
export function refusal(
  code: ErrorCode,
  message: string,
  param = 'None',
  known: Pick<GatewayErrorOptions, 'denial' | 'caller'> = {},
): GatewayError {
  return new GatewayError(code, `Authentication Error, ${message}`, { param, ...known });
}
