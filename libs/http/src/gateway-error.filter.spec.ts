import type { ArgumentsHost } from '@nestjs/common';
import { NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '#libs/kernel';
import { type FailedRequest, GatewayErrorFilter } from './gateway-error.filter.js';

/** What a request that failed was answered, and what was told of it. */
function answer(thrown: unknown, request: { method: string; path: string; route?: { path: string } }) {
  const told: { error: GatewayError; request: FailedRequest }[] = [];
  const filter = new GatewayErrorFilter({
    failed: (error, failed) => told.push({ error, request: failed }),
    methodsOf: (path) => (path === '/team/list' ? ['GET'] : []),
    tellsDetail: (route) => route === 'GET /team/{id}',
  });
  const sent = { status: 0, headers: {} as object, body: {} as Record<string, unknown> };
  const response = {
    headersSent: false,
    getHeader: () => 'req_1',
    status: (status: number) => Object.assign(response, void (sent.status = status)),
    set: (headers: object) => Object.assign(response, void (sent.headers = headers)),
    json: (body: Record<string, unknown>) => (sent.body = body),
  };
  const host = { switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }) };
  filter.catch(thrown, host as unknown as ArgumentsHost);
  return { ...sent, told };
}

describe('a failure on a route of Nest', () => {
  const error = new GatewayError('request.invalid', 'no such thing');

  /** Attack: a credential or an address in a path must not reach the log by way of a failure. */
  it('is told by the route that was declared, never by the URL', () => {
    const request = { method: 'GET', path: '/team/canary-of-a-name', route: { path: '/team/:id' } };
    const { told } = answer(new Error('broken'), request);
    expect(told).toEqual([
      {
        error: expect.objectContaining({ code: 'internal.unexpected' }),
        request: { route: 'GET /team/{id}', requestId: 'req_1', user: undefined },
      },
    ]);
    expect(JSON.stringify(told)).not.toContain('canary');
    expect(answer(error, { method: 'GET', path: '/canary' }).told[0]?.request.route).toBe(
      'GET (no such route)',
    );
  });

  it('has a detail where the policy says that clients read one', () => {
    const path = '/team/t1';
    const family = answer(error, { method: 'GET', path, route: { path: '/team/:id' } });
    expect(family).toMatchObject({
      status: 400,
      body: { error: { message: 'no such thing' }, detail: { error: 'no such thing' } },
    });
    expect(answer(error, { method: 'POST', path, route: { path: '/team/:id' } }).body).not.toHaveProperty(
      'detail',
    );
  });

  it('says under which methods a path is served', () => {
    const wrong = answer(new NotFoundException(), { method: 'POST', path: '/team/list' });
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    expect(answer(new NotFoundException(), { method: 'POST', path: '/nowhere' }).status).toBe(404);
  });
});
