import type { Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import type pg from 'pg';

/**
 * Breaks every connection of the pool, so that queries under way fail now instead of at the end of their time limit. For
 * a server that has gone silent: nothing else ends those queries, and each of them keeps a connection from being replaced.
 */
export function cutConnections(dataSource: DataSource): void {
  const { master } = dataSource.driver as unknown as {
    master?: pg.Pool & { _clients?: readonly pg.Client[] };
  };
  for (const client of [...(master?._clients ?? [])]) socketOf(client)?.destroy();
}

/** The driver's own `end` waits for a peer that is not there. */
function socketOf(client: pg.Client): Socket | undefined {
  return (client as unknown as { connection?: { stream?: Socket } }).connection?.stream;
}
