import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../harness/postgres.js';
import { killUnderLoad } from '../chaos/killed-product.js';

const ROUNDS = 3;

describe('spend, when the product is killed under load', () => {
  it('is all there, once and exact, on the embedded PostgreSQL', async () => {
    const { problems, finished, entries, crashCharged } = await killUnderLoad(ROUNDS);
    expect(problems).toEqual([]);
    expect(finished).toBeGreaterThan(100);
    expect(crashCharged).toBeGreaterThan(0);
    expect(entries).toBeGreaterThanOrEqual(finished + crashCharged);
  }, 120_000);

  it('is all there, once and exact, on a PostgreSQL of its own', async () => {
    const database = await createTestDatabase();
    try {
      const { problems, finished, crashCharged } = await killUnderLoad(ROUNDS, database.url.reveal());
      expect(problems).toEqual([]);
      expect(finished).toBeGreaterThan(100);
      expect(crashCharged).toBeGreaterThan(0);
    } finally {
      await database.drop();
    }
  }, 120_000);
});
