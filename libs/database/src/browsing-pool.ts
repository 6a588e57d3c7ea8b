import { Injectable } from '@nestjs/common';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { createDataSource, type DataSourceOptions } from './data-source.js';
import { cutConnections } from './pool-connections.js';

/** Few: whoever looks at much waits for whoever else does, and never for a call's money or key. */
const CONNECTIONS = 3;
/** Longer than any page takes; what takes longer is asked to be narrowed. */
const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * Connections for people who look at what was spent, apart from those that calls need: read-only, and every statement has
 * an end: what `readAs` reads on. Opened when somebody first looks.
 */
@Injectable()
export class BrowsingPool {
  #opening: Promise<DataSource> | undefined;
  #open: DataSource | undefined;

  constructor(
    private readonly options: Pick<DataSourceOptions, 'url'>,
    private readonly logger: Logger,
  ) {}

  source(): Promise<DataSource> {
    this.#opening ??= createDataSource(
      {
        url: this.options.url,
        poolSize: CONNECTIONS,
        applicationName: 'tollgate browsing',
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        readOnly: true,
      },
      this.logger,
    ).then(
      (source) => (this.#open = source),
      (error: unknown) => {
        // The next one who looks tries again.
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** For a server that has gone silent: who looks is told now, and the next one gets a new connection. */
  cut(): void {
    if (this.#open) cutConnections(this.#open);
  }

  async close(): Promise<void> {
    const source = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await source?.destroy();
  }
}
