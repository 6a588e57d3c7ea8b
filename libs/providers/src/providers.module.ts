import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { Relay } from './relay.js';
import { UndiciUpstream } from './undici-upstream.js';
import { Upstream } from './upstream.js';

@Module({
  providers: [{ provide: Upstream, useClass: UndiciUpstream }, Relay],
  exports: [Upstream, Relay],
})
export class ProvidersModule implements OnApplicationShutdown {
  constructor(
    private readonly upstream: Upstream,
    private readonly relay: Relay,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.upstream.close(), this.relay.close()]);
  }
}
