import 'reflect-metadata';
import { Controller, type ExecutionContext, Get, Module, Req } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { Strategy } from 'passport-custom';
import passport from 'passport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayError, type Principal } from '#libs/kernel';
import { Anonymous } from './anonymous.js';
import { Authentication } from './authentication.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { PublicRoutes } from './ports.js';

const caller = { displayName: 'somebody' } as Principal;

/** A stand-in that names the strategy after the credential, so that each test picks one. */
const authentication = {
  methodNameOf: ({ rawHeaders }: { rawHeaders: string[] }) => {
    const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-api-key');
    if (at < 0) throw new GatewayError('auth.credential_missing', 'No api key passed in.');
    return rawHeaders[at + 1];
  },
  isSilent: ({ rawHeaders }: { rawHeaders: string[] }) =>
    !rawHeaders.some((name) => name.toLowerCase() === 'x-api-key'),
} as unknown as Authentication;

class OpenAtRoot extends PublicRoutes {
  isPublic(context: ExecutionContext): boolean {
    return context.getHandler().name === 'open';
  }
  isOpened(context: ExecutionContext): boolean {
    return context.getHandler().name === 'opened';
  }
}

@Controller()
class Probe {
  @Get('open')
  open(@Req() request: { user?: unknown }) {
    return { user: request.user ?? null };
  }
  @Get('closed')
  closed(@Req() request: { user?: Principal }) {
    return { user: request.user?.displayName };
  }
  @Get('opened')
  opened(@Req() request: { user?: Principal }) {
    return { user: request.user?.displayName };
  }
}

@Module({
  controllers: [Probe],
  providers: [
    { provide: Authentication, useValue: authentication },
    { provide: PublicRoutes, useClass: OpenAtRoot },
    { provide: Anonymous, useValue: { principal: { displayName: 'anonymous' } } },
    { provide: APP_GUARD, useClass: AuthenticationGuard },
  ],
})
class ProbeModule {}

passport.use('good', new Strategy((_, done) => done(null, caller)));
passport.use('silent', new Strategy((_, done) => done(null, false)));
passport.use('outage', new Strategy((_, done) => done(new GatewayError('auth.store_unavailable', 'later'))));
passport.use('broken', new Strategy((_, done) => done(new TypeError('a defect'))));
passport.use('passing', { authenticate(this: { pass(): void }) { this.pass(); } } as passport.Strategy); // prettier-ignore

let origin: string;
let close: () => Promise<void>;
const thrown: unknown[] = [];

beforeAll(async () => {
  const app = await NestFactory.create(ProbeModule, { logger: false });
  app.useGlobalFilters({
    catch(error: unknown, host) {
      thrown.push(error);
      const status = error instanceof GatewayError ? error.status : 500;
      host
        .switchToHttp()
        .getResponse<{ status(code: number): { json(body: object): void } }>()
        .status(status)
        .json({});
    },
  });
  await app.listen(0, '127.0.0.1');
  origin = await app.getUrl();
  close = () => app.close();
});
afterAll(() => close());

const ask = (path: string, strategy?: string) =>
  fetch(`${origin}/${path}`, strategy === undefined ? {} : { headers: { 'x-api-key': strategy } });

describe('the authentication guard', () => {
  it('puts the caller on the request', async () => {
    expect(await (await ask('closed', 'good')).json()).toEqual({ user: 'somebody' });
  });

  it('lets public routes through with nobody', async () => {
    expect(await (await ask('open', 'good')).json()).toEqual({ user: null });
  });

  it('refuses who sends nothing', async () => {
    expect((await ask('closed')).status).toBe(401);
  });

  /** Attack: a strategy that neither accepts nor refuses; Passport then calls the next handler. */
  it.each(['passing', 'silent'])('refuses a %s strategy', async (strategy) => {
    expect((await ask('closed', strategy)).status).toBe(401);
    expect(thrown.at(-1)).toMatchObject({ code: 'auth.credential_unknown' });
  });

  it('keeps an outage inside a strategy a 503, and a defect a 500', async () => {
    expect((await ask('closed', 'outage')).status).toBe(503);
    expect((await ask('closed', 'broken')).status).toBe(500);
    expect((await ask('closed', 'nobody-registered-this')).status).toBe(500);
  });
});
