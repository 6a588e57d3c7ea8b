import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

/** Ten tokens at a tenth of a cent each: the whole cap. */
const ANSWER_USD = 0.01;
const ANSWER_NANO = '10000000';
const CLOCK = fileURLToPath(new URL('../harness/shifted-clock.mjs', import.meta.url));

/** Time that is set from outside, forward only. */
class ShiftedClock {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tollgate-clock-'));
  readonly #file = join(this.#folder, 'shift');

  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import=${CLOCK}`, SHIFTED_CLOCK_FILE: this.#file };
  }

  /** Written beside and renamed: nobody reads half a number. */
  async setTo(epochMs: number): Promise<void> {
    writeFileSync(`${this.#file}.new`, String(epochMs - Date.now()));
    renameSync(`${this.#file}.new`, this.#file);
    await delay(30);
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The duration of a budget, the local time at which its period ends, and at which the next one does. */
type Turn = readonly [duration: string, ends: string, next: string];

/** In order of time. */
const TURNS: Readonly<Record<string, readonly Turn[]>> = {
  'Europe/Berlin': [
    ['1mo', '2027-02-01', '2027-03-01'],
    ['30d', '2027-03-01', '2027-04-01'],
    // An hour less, and one more.
    ['1d', '2027-03-28', '2027-03-29'],
    ['1d', '2027-03-29', '2027-03-30'],
    ['7d', '2027-04-05', '2027-04-12'],
    ['1d', '2027-11-01', '2027-11-02'],
    ['1mo', '2027-12-01', '2028-01-01'],
    ['1y', '2028-01-01', '2029-01-01'],
    ['1d', '2028-02-29', '2028-03-01'],
    ['1mo', '2028-03-01', '2028-04-01'],
  ],
  'Asia/Kolkata': [
    ['1d', '2027-02-01', '2027-02-02'],
    ['1mo', '2028-02-01', '2028-03-01'],
    ['1d', '2028-03-01', '2028-03-02'],
    ['1y', '2029-01-01', '2030-01-01'],
  ],
  // Clocks were put forward, and back, at midnight: one day began at one o'clock, another hour before midnight came twice.
  'America/Sao_Paulo': [
    ['1d', '2018-11-04', '2018-11-05'],
    ['1d', '2019-02-17', '2019-02-18'],
    ['1mo', '2027-03-01', '2027-04-01'],
    ['1y', '2028-01-01', '2029-01-01'],
  ],
};

describe('a budget through months, leap days and clocks that are changed', () => {
  it.each(Object.entries(TURNS))(
    'is refused to the last seconds of its period, and whole in the next: %s',
    { timeout: 90_000 },
    async (zone, turns) => {
      const instant = (local: string): number => DateTime.fromISO(local, { zone }).startOf('day').toMillis();
      const clock = new ShiftedClock();
      await clock.setTo(instant(turns[0]?.[1] ?? '') - 60_000);
      const gate = await GovernedProduct.start(
        (provider) => ({ model_list: [modelEntry('m', provider)], litellm_settings: { timezone: zone } }),
        { env: clock.env },
        { completionTokens: 10 },
      );
      try {
        for (const [duration, ends, next] of turns) {
          await clock.setTo(instant(ends) - 40_000);
          const key = await gate.makeKey({ max_budget: ANSWER_USD, budget_duration: duration });
          const ask = async (): Promise<number> => (await gate.chat(key, { max_tokens: 10 })).status;
          const shown = async () => {
            const response = await gate.product.request('GET', `/key/info?key=${key}`);
            return ((await response.json()) as { info: { budget_reset_at: string; spend: number } }).info;
          };
          const heard = [Date.parse((await shown()).budget_reset_at), await ask(), await ask()];
          await clock.setTo(instant(ends) - 5_000);
          heard.push(await ask());
          await clock.setTo(instant(ends) + 1);
          heard.push(await ask(), await ask());
          const { spend, budget_reset_at } = await shown();
          heard.push(Date.parse(budget_reset_at));
          expect([duration, ends, ...heard]).toEqual([
            ...[duration, ends, instant(ends), 200, 422, 422, 200, 422, instant(next)],
          ]);
          expect(spend).toBeCloseTo(ANSWER_USD, 9);
          const periods = await gate.database.dataSource.query<{ nano: string }[]>(
            `SELECT settled_nano AS nano FROM balances b JOIN virtual_keys k ON k.id = b.scope_id
             WHERE b.scope_type = 'key' AND b.budget <> 'total' AND k.token_hash = encode(sha256($1::bytea), 'hex')`,
            [Buffer.from(key)],
          );
          expect(periods.map(({ nano }) => nano)).toEqual([ANSWER_NANO, ANSWER_NANO]);
        }
      } finally {
        await gate.dispose();
        clock.dispose();
      }
    },
  );
});
