import 'reflect-metadata';
import { Validator } from '@seriousme/openapi-schema-validator';
import { AdminModule, ProbesModule } from '#apps/admin';
import { ProxyModule } from '#apps/proxy';
import { controllersOf, describedRoutes, openApiDocument, permissionsPage, POLICY } from '#libs/rbac';
import { describe, expect, it } from 'vitest';

const routes = describedRoutes(
  new Set([AdminModule, ProbesModule, ProxyModule].flatMap((each) => controllersOf(each))),
);
const document = openApiDocument(routes, { version: '0.0.0' });

/** Routes that may still be silent. It only ever shrinks. */
const STILL_SILENT: readonly string[] = [];
/** Rows of the table whose handlers are being written. It only ever shrinks. */
const STILL_UNSERVED: readonly string[] = [];

describe('the documents', () => {
  it('know of every handler what it does and what it answers: @Answers stands beside @Handles', () => {
    const silent = routes.filter(({ answer }) => answer === undefined || answer.summary === '');
    const unexpected = silent.filter(({ route }) => !STILL_SILENT.includes(route));
    expect(unexpected.map(({ route, handler }) => `${route} (${handler})`)).toEqual([]);
  });

  /** A row that nobody serves is a promise on the permissions page that nobody keeps. */
  it('find a handler for every row of the policy table, and one only', () => {
    const served = routes.map(({ route }) => route);
    const unserved = Object.keys(POLICY).filter((route) => !served.some((each) => each === route));
    expect(unserved.filter((route) => !STILL_UNSERVED.includes(route))).toEqual([]);
    expect(served.filter((route, index) => served.indexOf(route) !== index)).toEqual([]);
  });

  /** `npm run docs` writes it anew. */
  it('are the permissions page that is checked in', async () => {
    await expect(permissionsPage(routes)).toMatchFileSnapshot('../docs/permissions.md');
  });

  it('are a valid OpenAPI document', async () => {
    const result = await new Validator().validate(structuredClone(document) as Record<string, unknown>);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('name every operation once', () => {
    const paths = document['paths'] as Record<string, Record<string, { operationId: string }>>;
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(routes.length);
  });

  it('say of every closed route which roles it is open to', () => {
    for (const { route } of routes) {
      const [method = '', path = ''] = route.split(' ');
      const operation = (
        document['paths'] as Record<string, Record<string, { security: Record<string, string[]>[] }>>
      )[path]?.[method.toLowerCase()];
      const { access } = POLICY[route];
      expect(operation?.security.length === 0, route).toBe(access === 'public');
      if (typeof access !== 'string') expect(operation?.security[0]?.['bearer'], route).toEqual([...access]);
    }
  });
});
