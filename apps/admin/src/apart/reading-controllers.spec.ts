import { AccessGroupIndex } from '#libs/runtime';
import { Pseudonyms } from '#libs/telemetry';
import { GivenStandings } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { readingControllers } from './reading-controllers.js';
import { handlersApart } from './reads-apart.js';

const parts = {
  dataSource: new DataSource({ type: 'postgres' }),
  ledger: { flush: async () => undefined },
  config: { budgets: {} as never },
  pseudonyms: new Pseudonyms(undefined),
  groups: new AccessGroupIndex(),
  standings: new GivenStandings(),
};

describe('the reading thread', () => {
  /** One that is missing there would be asked for in vain, and only where somebody browses. */
  it('has every handler that is read apart', () => {
    const controllers = readingControllers(parts) as Record<string, Record<string, unknown>>;
    const missing = handlersApart().filter(
      ([controller, handler]) => typeof controllers[controller]?.[handler] !== 'function',
    );
    expect(missing).toEqual([]);
    expect(new Set(handlersApart().map(([controller]) => controller))).toEqual(
      new Set(Object.keys(controllers)),
    );
    expect(handlersApart().length).toBeGreaterThan(40);
  });
});
