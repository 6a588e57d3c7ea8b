import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '#libs/config';
import type { BeginRecord } from '#libs/budget';
import { ensureDayPartitions, withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import type { Call } from './call.js';
import type { Asked } from './entrance.js';

const FLUSH_MS = 500;
const AT_ONCE = 200;
/** What waits for the store. Prompts are kept for people to look at; money does not depend on them, so memory is what is saved. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;
const WRITER = { system: 'prompt-log' };

interface KeptPrompt {
  readonly begin: BeginRecord;
  readonly request: string;
  readonly response: string;
  readonly wasCut: boolean;
}

/** One exchange while it goes on. */
export interface Recording {
  heard(chunk: Buffer): void;
  /** The last of the answer; from here on it is kept. */
  done(tail: Buffer): void;
}

/**
 * Keeps what was asked and answered, where the operator wants that, up to a size each; apart from the ledger, in batches, and
 * never at the price of a request: what the store does not take in time is given up, with a word.
 */
@Injectable()
export class PromptLog implements OnModuleDestroy {
  readonly #maxBytes: number;
  #waiting: KeptPrompt[] = [];
  #bytes = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #days = new Set<string>();

  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
  ) {
    this.#maxBytes = config.privacy.maxPromptBytes;
  }

  /** Undefined when nothing of this call may be kept. */
  record(call: Call, asked: Asked, begin: BeginRecord): Recording | undefined {
    if (!this.config.calls.storePrompts || isPrivate(call, asked)) return undefined;
    const { bytes } = asked.body;
    const request = bytes.toString('utf8', 0, Math.min(bytes.length, this.#maxBytes));
    let wasCut = bytes.length > this.#maxBytes;
    const chunks: Buffer[] = [];
    let length = 0;
    const heard = (chunk: Buffer): void => {
      const room = this.#maxBytes - length;
      if (chunk.length > room) wasCut = true;
      if (room <= 0) return;
      // A copy: the relay's buffers are used again.
      chunks.push(Buffer.from(chunk.subarray(0, room)));
      length += Math.min(chunk.length, room);
    };
    return {
      heard,
      done: (tail) => {
        heard(tail);
        this.#keep({ begin, request, response: Buffer.concat(chunks).toString('utf8'), wasCut });
      },
    };
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
  }

  /** Writes what waits; gives up what cannot be written. Never throws. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    try {
      for (let from = 0; from < waiting.length; from += AT_ONCE)
        await this.#write(waiting.slice(from, from + AT_ONCE));
    } catch (error) {
      this.#days.clear();
      this.#lost += waiting.length;
      this.logger.warn({ error, lost: this.#lost }, 'Prompts could not be stored and are given up.');
    }
  }

  #keep(kept: KeptPrompt): void {
    const size = kept.request.length + kept.response.length;
    if (this.#bytes + size > MOST_WAITING_BYTES) {
      this.#lost += 1;
      return;
    }
    this.#bytes += size;
    this.#waiting.push(kept);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  async #write(prompts: readonly KeptPrompt[]): Promise<void> {
    const days = [...new Set(prompts.map(({ begin }) => begin.day))].filter((day) => !this.#days.has(day));
    await withTransaction(this.dataSource, WRITER, async (manager) => {
      for (const day of days) await ensureDayPartitions(manager, 'logged_prompts', day, 1);
      await manager.query(
        `INSERT INTO logged_prompts (day, id, request_id, at, key_id, user_id, customer_id, request, response, was_cut)
         SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[])
         ON CONFLICT DO NOTHING`,
        [
          prompts.map(({ begin }) => begin.day),
          prompts.map(({ begin }) => begin.id),
          prompts.map(({ begin }) => begin.requestId),
          prompts.map(({ begin }) => new Date(begin.startedAtMs)),
          prompts.map(({ begin }) => begin.caller.keyId),
          prompts.map(({ begin }) => begin.caller.userId),
          prompts.map(({ begin }) => begin.customerId),
          prompts.map(({ request }) => request.replaceAll('\0', '')),
          prompts.map(({ response }) => response.replaceAll('\0', '')),
          prompts.map(({ wasCut }) => wasCut),
        ],
      );
    });
    for (const day of days) this.#days.add(day);
  }
}

/** The caller's own wish that nothing be kept; nobody can wish the contrary. */
function isPrivate(call: Call, { body }: Asked): boolean {
  const header =
    call.header('x-litellm-enable-message-redaction') ?? call.header('litellm-enable-message-redaction');
  return (
    header?.toLowerCase() === 'true' ||
    body.json['no-log'] === true ||
    body.json['turn_off_message_logging'] === true
  );
}
