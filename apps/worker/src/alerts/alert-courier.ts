import { Injectable } from '@nestjs/common';
import { type AlertChannel, Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import type { Letter } from './letter.js';
import { sendEmail } from './email.js';
import { sendSlack } from './slack.js';
import { sendWebhook } from './webhook.js';

const COURIER = { system: 'alert-courier' };
/** Taken by one worker at a time. */
const AT_ONCE = 20;
/** How long a worker has for what it took, before another may take it. */
const LEASE_SECONDS = 60;
const FIRST_PAUSE_SECONDS = 5;
const LONGEST_PAUSE_SECONDS = 3_600;
/** Some eight hours of a receiver that is away. */
const MOST_ATTEMPTS = 16;

/** Takes what is due from the outbox, sends it, and notes how that went. At least once; nothing is lost while a receiver is away. */
@Injectable()
export class AlertCourier {
  constructor(
    private readonly dataSource: DataSource,
    private readonly config: Config,
    private readonly logger: Logger,
  ) {}

  /** Returns how many were delivered. Any number of workers may do this at once. */
  async deliverDue(): Promise<number> {
    if (this.config.alerts.channels.length === 0) return 0;
    let delivered = 0;
    for (;;) {
      const letters = await this.#take();
      const results = await Promise.all(letters.map((letter) => this.#deliver(letter)));
      delivered += results.filter(Boolean).length;
      if (letters.length < AT_ONCE) return delivered;
    }
  }

  #take(): Promise<Letter[]> {
    return withTransaction(this.dataSource, COURIER, (manager) =>
      manager.query<Letter[]>(
        `WITH due AS (
           SELECT alert_id, channel FROM alert_deliveries
           WHERE delivered_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= now()
           ORDER BY next_attempt_at LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
         ), taken AS (
           UPDATE alert_deliveries d SET attempts = d.attempts + 1, next_attempt_at = now() + interval '${LEASE_SECONDS} seconds'
           FROM due WHERE d.alert_id = due.alert_id AND d.channel = due.channel RETURNING d.alert_id, d.channel, d.attempts
         ) SELECT taken.alert_id AS "alertId", taken.channel, taken.attempts, a.event, a.payload FROM taken JOIN alerts a ON a.id = taken.alert_id`,
      ),
    );
  }

  async #deliver(letter: Letter): Promise<boolean> {
    const channel = this.config.alerts.channels.find(({ name }) => name === letter.channel);
    if (channel === undefined) {
      await this.#note(
        letter,
        'given_up_at = now(), last_error = $3',
        'the channel is not configured any more',
      );
      return false;
    }
    try {
      await send(channel, letter);
    } catch (error) {
      await this.#failed(letter, error);
      return false;
    }
    await this.#note(letter, 'delivered_at = now(), last_error = $3', null);
    return true;
  }

  async #failed(letter: Letter, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : 'unknown';
    const isLast = letter.attempts >= MOST_ATTEMPTS;
    this.logger.warn(
      { alert: letter.alertId, channel: letter.channel, attempts: letter.attempts, reason, givenUp: isLast },
      isLast ? 'An alert could not be delivered and is given up.' : 'An alert could not be delivered yet.',
    );
    const pause = Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (letter.attempts - 1));
    const then = isLast ? 'given_up_at = now()' : `next_attempt_at = now() + interval '${pause} seconds'`;
    await this.#note(letter, `${then}, last_error = $3`, reason.slice(0, 500));
  }

  async #note({ alertId, channel }: Letter, set: string, error: string | null): Promise<void> {
    await this.dataSource.query(`UPDATE alert_deliveries SET ${set} WHERE alert_id = $1 AND channel = $2`, [
      alertId,
      channel,
      error,
    ]);
  }
}

function send(channel: AlertChannel, letter: Letter): Promise<void> {
  switch (channel.kind) {
    case 'webhook':
      return sendWebhook(channel, letter);
    case 'slack':
      return sendSlack(channel, letter);
    case 'email':
      return sendEmail(channel, letter);
  }
}
