import { createTestDatabase } from '../harness/postgres.js';
import { killUnderLoad, MOST_ROUNDS } from './killed-product.js';

/**
 * The long version of test/e2e/crash: `npm run chaos -- kill 40`. Half of the rounds on the embedded PostgreSQL, half on
 * one of its own; at most MOST_ROUNDS each.
 */
const rounds = Number(process.argv[2] ?? 20);
if (!Number.isInteger(rounds) || rounds < 2 || rounds > 2 * MOST_ROUNDS) {
  process.stderr.write(`rounds must be a whole number from 2 to ${2 * MOST_ROUNDS}\n`);
  process.exit(2);
}
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const database = await createTestDatabase();
try {
  const reports = {
    embedded: await killUnderLoad(Math.ceil(rounds / 2), undefined, say),
    postgres: await killUnderLoad(Math.floor(rounds / 2), database.url.reveal(), say),
  };
  process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
  process.exitCode = Object.values(reports).every(({ problems }) => problems.length === 0) ? 0 : 1;
} finally {
  await database.drop();
}
process.exit();
