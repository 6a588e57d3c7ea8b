import { randomUUID } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { AlertBook } from '#libs/budget';
import { Config } from '#libs/config';
import { Counters, type LocalCounters } from '#libs/counters';
import { Draining } from '#libs/http';
import { Clock, GatewayError, PROXY_SCOPE, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminController, AdminQuery } from '../http/decorators.js';

/** Service names of the contract, and the kind of channel that is theirs. */
const CHANNELS: Readonly<Record<string, 'slack' | 'webhook' | 'email'>> = {
  slack: 'slack',
  slack_budget_alerts: 'slack',
  webhook: 'webhook',
  email: 'email',
};

const serviceQuery = z.object({ service: z.string().min(1).max(128) });

/** Whether what is told is heard, and how much there is to do. */
@AdminController()
export class ServiceHealthController {
  constructor(
    private readonly config: Config,
    private readonly book: AlertBook,
    private readonly draining: Draining,
    private readonly clock: Clock,
    @Inject(Counters) private readonly counters: Pick<LocalCounters, 'sizes'>,
  ) {}

  /** Goes the way of every alert: the outbox, which tries again until it is heard. */
  @Handles('GET /health/services')
  @Answers('Sends a test alert to a service', z.object({ status: z.string(), message: z.string() }))
  async services(
    @Caller() caller: Principal,
    @AdminQuery(serviceQuery) { service }: z.output<typeof serviceQuery>,
  ): Promise<object> {
    const kind = Object.hasOwn(CHANNELS, service) ? CHANNELS[service] : undefined;
    if (kind === undefined)
      throw new GatewayError(
        'request.bad_field',
        `'service' is one of ${Object.keys(CHANNELS).join(', ')}; others are not told of anything here.`,
        { param: 'service' },
      );
    const channels = this.config.alerts.channels.filter((one) => one.kind === kind).map(({ name }) => name);
    if (channels.length === 0)
      throw new GatewayError('request.bad_field', `Nothing is configured for ${service}.`, {
        param: 'service',
      });
    const occasion = randomUUID();
    const payload = {
      event: 'test',
      event_group: 'proxy',
      event_message: `This is a test of the alerts to ${service}, asked for by ${caller.displayName}.`,
      scope: PROXY_SCOPE,
      at: new Date(this.clock.nowMs()).toISOString(),
    };
    await this.book.raise([{ event: 'test', scope: PROXY_SCOPE, occasion, threshold: 0, payload }], channels);
    return { status: 'success', message: `A test alert is on its way to ${channels.join(', ')}.` };
  }

  /** Of the process that answers. A call that waits for money or a slot is under way. */
  @Handles('GET /health/backlog')
  @Answers(
    'Counts the calls under way',
    z.object({
      in_flight_requests: z.int(),
      admitted_requests: z.int(),
      queued_requests: z.int(),
      rejected_requests: z.int(),
    }),
  )
  backlog(): object {
    const { held, waiting } = this.counters.sizes();
    return {
      in_flight_requests: this.draining.inFlight,
      admitted_requests: held,
      queued_requests: waiting,
      // Nobody is refused for the length of a queue.
      rejected_requests: 0,
    };
  }
}
