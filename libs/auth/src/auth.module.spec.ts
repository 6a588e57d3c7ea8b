import 'reflect-metadata';
import { Controller, Get, Global, Module, Req } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { connect } from 'node:net';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Config } from '#libs/config';
import { Clock, GatewayError, type Principal, SystemClock } from '#libs/kernel';
import {
  CallerDirectory,
  Identities,
  JwtKeyMappings,
  JwtRegistration,
  KeyDirectory,
  Sessions,
  UserPasswords,
} from '#libs/tenancy';
import { configWith, keyRow, recordOf } from '../test/records.js';
import { AuthModule } from './auth.module.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { AuthenticationEvents, ChangeFeed, PrincipalPreparation, PublicRoutes } from './ports.js';

const config = await configWith();
const record = recordOf(keyRow('sk-real-key-over-http'));
const directory = {
  findByHashes: async (hashes: readonly string[]) =>
    new Map(hashes.filter((hash) => hash === record.key.tokenHash).map((hash) => [hash, record])),
};
const outcomes: string[] = [];

@Global()
@Module({
  providers: [
    { provide: Config, useValue: config },
    { provide: Clock, useClass: SystemClock },
    { provide: KeyDirectory, useValue: directory },
    { provide: CallerDirectory, useValue: {} },
    { provide: Identities, useValue: {} },
    { provide: Sessions, useValue: {} },
    { provide: JwtKeyMappings, useValue: {} },
    { provide: JwtRegistration, useValue: {} },
    { provide: UserPasswords, useValue: {} },
    { provide: DataSource, useValue: {} },
    { provide: ChangeFeed, useValue: { subscribe: () => undefined, state: () => 'live' } },
    { provide: PrincipalPreparation, useValue: { prepare: async () => undefined } },
    { provide: PublicRoutes, useValue: { isPublic: () => false, isOpened: () => false } },
    {
      provide: AuthenticationEvents,
      useValue: {
        failed: (_: unknown, error: GatewayError) => outcomes.push(error.code),
        succeeded: (principal: Principal) => outcomes.push(principal.displayName),
      },
    },
  ],
  exports: [
    Config,
    Clock,
    KeyDirectory,
    CallerDirectory,
    Identities,
    Sessions,
    JwtKeyMappings,
    JwtRegistration,
    UserPasswords,
    DataSource,
    ChangeFeed,
    PrincipalPreparation,
    PublicRoutes,
    AuthenticationEvents,
  ],
})
class Surroundings {}

@Controller()
class Probe {
  @Get('me')
  me(@Req() { user }: { user: Principal }) {
    return { me: user.displayName };
  }
}

@Module({
  imports: [Surroundings, AuthModule],
  controllers: [Probe],
  providers: [{ provide: APP_GUARD, useExisting: AuthenticationGuard }],
})
class ProbeModule {}

let port: number;
let close: () => Promise<void>;

beforeAll(async () => {
  const app = await NestFactory.create(ProbeModule, { logger: false });
  app.useGlobalFilters({
    catch(error: unknown, host) {
      const status = error instanceof GatewayError ? error.status : 500;
      host
        .switchToHttp()
        .getResponse<{ status(code: number): { json(body: object): void } }>()
        .status(status)
        .json({});
    },
  });
  await app.listen(0, '127.0.0.1');
  port = Number(new URL(await app.getUrl()).port);
  close = () => app.close();
});
afterAll(() => close());

/** As bytes, because an HTTP client would tidy the headers up. */
function send(...headers: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(['GET /me HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n')),
    );
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('the auth module, through Nest, Passport and HTTP', () => {
  it('lets a key and the master key in, and tells each outcome once', async () => {
    outcomes.length = 0;
    expect(await send('Authorization: Bearer sk-real-key-over-http')).toContain(
      '{"me":"key_sk-real-key-over-http"}',
    );
    expect(await send('X-LiteLLM-Key: the-operators-own-key')).toContain('{"me":"litellm_proxy_master_key"}');
    expect(await send('Authorization: Bearer sk-nobody')).toContain('HTTP/1.1 401');
    expect(await send()).toContain('HTTP/1.1 401');
    expect(outcomes).toEqual([
      'key_sk-real-key-over-http', 'litellm_proxy_master_key', 'auth.credential_unknown', 'auth.credential_missing',
    ]); // prettier-ignore
  });

  /** Attack: Node's `headers` keeps only the first of two Authorization lines; a proxy behind or before may keep the last. */
  it('refuses two Authorization lines', async () => {
    const answer = await send(
      'Authorization: Bearer sk-real-key-over-http',
      'Authorization: Bearer the-operators-own-key',
    );
    expect(answer).toContain('HTTP/1.1 400');
  });
});
