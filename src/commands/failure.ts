import { ConfigError } from '#libs/config';

/** Mistakes in our own code: their stack is what a bug report needs. Everything else is told in a sentence. */
const OUR_MISTAKES = [TypeError, ReferenceError, RangeError, SyntaxError];

/** What whoever typed the command reads when it failed: a sentence, and the reason behind it where that says more. */
export function describeFailure(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (OUR_MISTAKES.some((kind) => error instanceof kind)) return error.stack ?? error.message;
  const reason = error.cause instanceof Error ? error.cause.message : undefined;
  return reason && !error.message.includes(reason) ? `${error.message} (${reason})` : error.message;
}
