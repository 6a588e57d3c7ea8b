import 'reflect-metadata';
import {
  Controller,
  Get,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { tmpdir } from 'node:os';
import { Config, loadConfig } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { callerWith } from '../test/callers.js';
import { assertEveryRouteDeclared } from './every-route-declared.js';
import { DeclaredRoutes } from './declared-routes.js';
import { Caller, Handles } from './handles.js';
import { Network } from './network.js';
import { GateGuard, PolicyGuard } from './policy.guard.js';
import { RouteAccess } from './route-access.js';

const config = await loadConfig({ env: {}, cwd: tmpdir() });

@Controller()
class Declared {
  @Handles('GET /v1/models', 'GET /models')
  models(@Caller() caller: Principal) {
    return { caller: caller.displayName };
  }
  @Handles('POST /key/{key}/regenerate')
  regenerate() {
    return {};
  }
  @Handles('GET /health/liveliness')
  alive() {
    return {};
  }
}

@Controller()
class Forgotten {
  @Get('forgotten')
  forgotten() {
    return { secret: true };
  }
}

@Controller()
class Disguised {
  @Get('key/list')
  list() {
    return { secret: true };
  }
}

let app: INestApplication;
afterEach(() => app?.close());

async function start(controllers: Type[], tree: Config = config): Promise<INestApplication> {
  @Module({
    controllers,
    providers: [
      { provide: Config, useValue: tree },
      RouteAccess,
      DeclaredRoutes,
      Network,
      { provide: APP_GUARD, useClass: GateGuard },
      { provide: APP_GUARD, useClass: PolicyGuard },
    ],
  })
  class Probe {
    configure(consumer: MiddlewareConsumer) {
      consumer
        .apply(
          (request: { user?: Principal; headers: Record<string, string> }, _: unknown, next: () => void) => {
            if (request.headers['x-role'])
              request.user = callerWith({ role: request.headers['x-role'] as Principal['role'] });
            next();
          },
        )
        .forRoutes('*all');
    }
  }
  app = await NestFactory.create(Probe, { logger: false });
  app.useGlobalFilters({
    catch(error: unknown, host) {
      const status = error instanceof GatewayError ? error.status : 404;
      host
        .switchToHttp()
        .getResponse<{ status(code: number): { json(body: object): void } }>()
        .status(status)
        .json({});
    },
  });
  return app;
}

async function answer(method: string, path: string, role?: string): Promise<number> {
  const response = await fetch(`${await app.getUrl()}${path}`, {
    method,
    ...(role === undefined ? {} : { headers: { 'x-role': role } }),
  });
  return response.status;
}

describe('the guard of declared routes', () => {
  it('asks the row of the handler that matched', async () => {
    await (await start([Declared])).listen(0, '127.0.0.1');
    expect(await answer('GET', '/health/liveliness')).toBe(200);
    expect(await answer('GET', '/v1/models')).toBe(401);
    expect(await answer('GET', '/v1/models', 'team')).toBe(200);
    expect(await answer('GET', '/models', 'team')).toBe(200);
    expect(await answer('POST', '/key/abc/regenerate', 'internal_user')).toBe(201);
    expect(await answer('POST', '/key/abc/regenerate', 'customer')).toBe(401);
    expect(await answer('POST', '/key/abc/regenerate', 'proxy_admin_viewer')).toBe(403);
  });

  it('refuses a handler without a row, to the administrator too', async () => {
    await (await start([Forgotten, Disguised])).listen(0, '127.0.0.1');
    expect(await answer('GET', '/forgotten', 'proxy_admin')).toBe(403);
    expect(await answer('GET', '/key/list', 'proxy_admin')).toBe(403);
  });

  it('judges the network before anything else, and lets probes through', async () => {
    await (
      await start(
        [Declared],
        new Config({ ...config, network: { allowedIps: ['10.0.0.0/8'], trustedProxyRanges: [] } }),
      )
    ).listen(0, '127.0.0.1');
    expect(await answer('GET', '/v1/models')).toBe(403);
    expect(await answer('GET', '/v1/models', 'proxy_admin')).toBe(403);
    expect(await answer('GET', '/health/liveliness')).toBe(200);
  });
});

describe('the start', () => {
  it('accepts an application of declared routes', async () => {
    await (await start([Declared])).init();
    expect(() => assertEveryRouteDeclared(app, { mounts: ['/*all'] })).not.toThrow();
  });

  it.each([
    ['a bare handler', [Forgotten], /Forgotten\.forgotten.*GET \/forgotten/],
    ['a bare handler on a declared path', [Disguised], /Disguised\.list/],
  ])('refuses %s', async (_, controllers, named) => {
    await (await start(controllers)).init();
    expect(() => assertEveryRouteDeclared(app)).toThrow(named);
  });

  it('refuses a WebSocket that nobody declared', async () => {
    await (await start([Declared])).init();
    (app.getHttpServer() as { on(event: string, listener: () => void): void }).on('upgrade', () => undefined);
    expect(() => assertEveryRouteDeclared(app, { mounts: ['/*all'] })).toThrow(/listener of upgrade/);
  });

  it.each([
    ['a raw route', (express: Express) => express.get('/raw', () => undefined), /GET \/raw/],
    ['a raw catch-all', (express: Express) => express.all('/v1/models', () => undefined), /ALL \/v1\/models/],
    [
      'static files',
      (express: Express) => express.use('/ui', function serveStatic() {}),
      /serveStatic mounted at \/ui/,
    ],
  ])('refuses %s', async (_, mount, named) => {
    await (await start([Declared])).init();
    mount(app.getHttpAdapter().getInstance() as Express);
    expect(() => assertEveryRouteDeclared(app)).toThrow(named);
  });
});

interface Express {
  get(path: string, handler: () => void): void;
  all(path: string, handler: () => void): void;
  use(path: string, handler: () => void): void;
}
