import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { asDatabaseProblem } from './database-problem.js';

const url = new Secret('postgresql://tollgate:pw-nobody-may-read@db:5433/tollgate');
const told = (error: Error): string => String(asDatabaseProblem(error, 'DATABASE_URL', url));
const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** The last line of a start that failed is all that an orchestrator shows. */
describe('what is said of a PostgreSQL that cannot be used', () => {
  it.each([
    [coded('28P01', 'password authentication failed for user "tollgate"'), /percent-encoded/],
    [coded('28000', 'role "nobody" does not exist'), /Correct the user in DATABASE_URL/],
    [coded('3D000', 'database "none" does not exist'), /CREATE DATABASE/],
    [coded('53300', 'sorry, too many clients already'), /DATABASE_POOL_SIZE/],
    [coded('25006', 'cannot execute CREATE TABLE in a read-only transaction'), /name the primary/],
    [new Error('PostgreSQL cannot be reached.', { cause: coded('ECONNREFUSED', 'refused') }), /Start it/],
    [
      new Error('PostgreSQL cannot be reached.', { cause: new Error('no answer within 5000 ms') }),
      /firewalls/,
    ],
    [new Error('Connection terminated unexpectedly'), /correct host and port/],
    [new Error('The server does not support SSL connections'), /sslmode=require/],
  ])('%s', (error, remedy) => {
    expect(told(error)).toMatch(/PostgreSQL \(DATABASE_URL\) at db:5433 cannot be used: /);
    expect(told(error)).toMatch(remedy);
    expect(told(error)).not.toContain('pw-nobody-may-read');
  });

  it('leaves what is no failure of the server as it is', () => {
    const ours = new TypeError('x is not a function');
    const later = new Error('This database belongs to a later release (X). Start that release.');
    expect(asDatabaseProblem(ours, 'DATABASE_URL', url)).toBe(ours);
    expect(asDatabaseProblem(later, 'DATABASE_URL', url)).toBe(later);
  });
});
