import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { UndiciUpstream } from './undici-upstream.js';
import { Upstream } from './upstream.js';

@Module({
  providers: [{ provide: Upstream, useClass: UndiciUpstream }],
  exports: [Upstream],
})
export class ProvidersModule implements OnApplicationShutdown {
  constructor(private readonly upstream: Upstream) {}

  onApplicationShutdown(): Promise<void> {
    return this.upstream.close();
  }
}
