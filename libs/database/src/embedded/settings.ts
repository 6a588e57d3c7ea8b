/**
 * How the embedded server is tuned: as durable as PostgreSQL's own defaults, and small. A commit waits for the disk
 * (`fsync`, `synchronous_commit`), because the drain deletes its spool once PostgreSQL has said that the money is stored;
 * the drain's batches make that cheap. What is saved is what a single-node store does not need: replication, parallel
 * workers, a compiler for queries that take a millisecond.
 */
const DURABLE: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
};

/** For tests: their data is thrown away, so nothing waits for a disk. */
const THROW_AWAY: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
};

const COMMON: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket in a shared directory would be a second door.
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  // Rarer checkpoints write each hot page (balances) less often; recovery after a crash still takes seconds.
  max_wal_size: '512MB',
  checkpoint_timeout: '15min',
  // A log file that is used again keeps what it held until it is written over: whoever was erased would be in it for weeks.
  wal_recycle: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  // A client that was killed must not keep its locks until a network timeout.
  client_connection_check_interval: '2s',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_line_prefix: '',
  lc_messages: 'C',
  // Statements and row values stay out of the log: they hold hashes and e-mail addresses.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

/** `-c name=value` for each setting: on the command line, so that an upgrade of ours takes effect on an old cluster. */
export function serverFlags(port: number, throwAway: boolean): string[] {
  const settings = { ...COMMON, ...(throwAway ? THROW_AWAY : DURABLE), port: String(port) };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
