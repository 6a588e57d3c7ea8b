import { GatewayError } from '#libs/kernel';
import { DatabaseAway, isOutage } from '#libs/database';
import type { Failure } from './messages.js';

/** Of what is no refusal only words are sent: the driver hangs statements and their parameters on its errors. */
export function sentFailure(thrown: unknown): Failure {
  if (thrown instanceof GatewayError) {
    const { code, publicMessage, message, param, status, type, headers, denial, detail } = thrown;
    const options = {
      internal: message,
      param,
      status,
      type,
      headers: { ...headers },
      ...(denial !== undefined && { denial }),
      ...(detail !== undefined && { detail }),
    };
    return { is: 'refusal', code, publicMessage, options };
  }
  const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { is: isOutage(thrown) ? 'outage' : 'defect', message, stack };
}

/** As it would have been thrown here. */
export function receivedFailure(failure: Failure): Error {
  if (failure.is === 'refusal') return new GatewayError(failure.code, failure.publicMessage, failure.options);
  const error = new Error(failure.message);
  error.stack = failure.stack;
  return failure.is === 'outage' ? new DatabaseAway(error) : error;
}
