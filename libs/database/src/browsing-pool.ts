import { Injectable } from '@nestjs/common';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { createDataSource, type DataSourceOptions } from './data-source.js';
import { giveWay } from './embedded/give-way.js';
import { cutConnections } from './pool-connections.js';

/** Few: whoever looks at much waits for whoever else does, and never for a call's money or key. */
const CONNECTIONS = 3;
/** Longer than any page takes; what takes longer is asked to be narrowed. */
const STATEMENT_TIMEOUT_MS = 15_000;

export interface BrowsingOptions extends Pick<DataSourceOptions, 'url'> {
  /** The server was started by this process: what it does for people gives way to what it does for calls, and to calls themselves. */
  readonly isOwnServer?: boolean;
}

/**
 * Connections for people who look at what was spent, apart from those that calls need: read-only, and every statement has
 * an end: what `readAs` reads on. Opened when somebody first looks.
 */
@Injectable()
export class BrowsingPool {
  #opening: Promise<DataSource> | undefined;
  #open: DataSource | undefined;
  #whenCut: () => void = () => undefined;

  constructor(
    private readonly options: BrowsingOptions,
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
        oneWorker: true,
        ...(this.options.isOwnServer === true && { onConnect: giveWay }),
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
    this.#whenCut();
  }

  /** For other connections of the same kind. */
  onCut(listener: () => void): void {
    this.#whenCut = listener;
  }

  async close(): Promise<void> {
    const source = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await source?.destroy();
  }
}
