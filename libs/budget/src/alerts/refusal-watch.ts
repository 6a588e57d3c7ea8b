import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock, type GatewayError, PROXY_SCOPE, type Scope } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { AlertBook } from './alert-book.js';

/** Scopes counted in one window: strangers must not fill the memory by being refused. */
const MOST_SCOPES = 10_000;

/**
 * Tells of bursts: many calls refused for their rate within one scope, or many failed sign-ins, within a window of this
 * process. Called for refusals only; counts and nothing else until a burst is one.
 */
@Injectable()
export class RefusalWatch {
  #window = -1;
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly book: AlertBook,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  note(error: GatewayError): void {
    if (error.status === 429) this.#count('rate_limit_burst', error.denial?.scope ?? PROXY_SCOPE);
    // Who fails to sign in is nobody yet: all of them are counted together.
    else if (error.status === 401 && error.code.startsWith('auth.'))
      this.#count('auth_failure_burst', PROXY_SCOPE);
  }

  #count(event: 'rate_limit_burst' | 'auth_failure_burst', scope: Scope): void {
    const { burstSize, burstWindowMs } = this.config.alerts;
    if (!this.book.wants(event === 'rate_limit_burst' ? 'rate_limit_bursts' : 'auth_failure_bursts')) return;
    const window = Math.floor(this.clock.nowMs() / burstWindowMs);
    if (window !== this.#window) {
      this.#window = window;
      this.#counts.clear();
    }
    const name = `${event}:${scope.type}:${scope.id}`;
    const count = (this.#counts.get(name) ?? 0) + 1;
    if (count > 1 || this.#counts.size < MOST_SCOPES) this.#counts.set(name, count);
    if (count !== burstSize) return;
    const seconds = Math.round(burstWindowMs / 1_000);
    const what = event === 'rate_limit_burst' ? 'calls were refused for their rate' : 'sign-ins failed';
    const payload = {
      event,
      event_group: scope.type === 'customer' ? 'end_user' : scope.type,
      event_message: `${count} ${what} within ${seconds} s (${scope.type} ${scope.id}).`,
      count,
      window_seconds: seconds,
      scope,
      at: new Date(this.clock.nowMs()).toISOString(),
    };
    this.book
      .raise([{ event, scope, occasion: `window@${window * burstWindowMs}`, threshold: burstSize, payload }])
      .catch((error: unknown) =>
        this.logger.warn({ error, event }, 'An alert of a burst could not be written down.'),
      );
  }
}
