import { getMetadataArgsStorage } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { ENTITIES, Governed } from './index.js';
import { GOVERNED_TABLES } from './governed-tables.js';

/** Jobs go through these tables: one that is not named would keep its periods, alerts and shared budgets for ever. */
describe('the tables of scopes with limits and budgets', () => {
  it('are all whose rows are governed, but the shared budgets themselves', () => {
    const governed = ENTITIES.filter((entity) => entity.prototype instanceof Governed);
    const names = getMetadataArgsStorage()
      .tables.filter(({ target }) => governed.some((entity) => entity === target))
      .map(({ name }) => name);
    const listed = Object.values(GOVERNED_TABLES).map(({ table }) => table);
    expect([...listed, 'budgets'].toSorted()).toEqual(names.toSorted());
  });
});
