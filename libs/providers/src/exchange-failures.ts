import { GatewayError } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { exceptionName } from './upstream-error.js';

/** How an exchange can fail without the upstream saying so itself. The words are the contract's; `how` completes "the provider …". */
export function timedOut({ provider }: Deployment, how: string, cause?: Error): GatewayError {
  return new GatewayError(
    'upstream.timeout',
    `litellm.Timeout: ${exceptionName(provider)} - the provider ${how}`,
    cause ? { cause } : {},
  );
}

/** What came is no answer, or not the whole of one. */
export function brokenAnswer({ provider }: Deployment, how: string, cause?: Error): GatewayError {
  return new GatewayError(
    'upstream.broken_stream',
    `litellm.APIError: ${exceptionName(provider)} - the provider ${how}`,
    cause ? { cause } : {},
  );
}

/** Nothing came. `code`: of the socket's failure, for the log alone. */
export function unreachable(
  { id, provider }: Deployment,
  how: string,
  code: string,
  cause: Error,
): GatewayError {
  return new GatewayError(
    'upstream.unreachable',
    `litellm.APIConnectionError: ${exceptionName(provider)} - the provider ${how}`,
    { internal: `deployment ${id}: ${code}`, cause },
  );
}

export function tooLarge(): GatewayError {
  return new GatewayError(
    'upstream.too_large',
    'The answer is larger than this gateway passes on. Ask for less, or in parts.',
  );
}
