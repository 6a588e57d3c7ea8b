import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { type GatewayError, PassingTable } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import type { BeginRecord, EndRecord } from '../ledger.js';
import type { Entry, EntryFacts } from '../spool/codec.js';
import { AliveMark, newIncarnation } from '../spool/incarnation.js';
import { adoptOrphans, entriesOf, type Orphan, removeOrphan } from '../spool/orphans.js';
import { Spool, type SpoolOptions } from '../spool/spool.js';
import { Drain } from './drain.js';
import { Ended, InFlight, ledgerFull, type Proceed } from './in-flight.js';
import { LedgerStore } from './ledger-store.js';

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Most of a million entries: hours of a PostgreSQL outage for most, before new work is refused. */
const MAX_KEPT_BYTES = 1024 * 1024 * 1024;
/** Most of the ten milliseconds promised for power loss; the rest is the disk's. Each sync costs a fraction of a millisecond of CPU. */
const SYNC_WITHIN_MS = 8;
/** Entries of a dead process go in batches of this size. */
const ORPHAN_BATCH = 1_000;

export interface LedgerBacklog {
  /** Ended calls that are not in PostgreSQL yet. */
  readonly entries: number;
  /** Bytes of spool files that are still needed. */
  readonly bytes: number;
  /** Calls between begin and end. */
  readonly inFlight: number;
}

/**
 * The record of what every call cost: written to a local file before the upstream is called and before the client sees the
 * end, then drained into PostgreSQL, each entry exactly once. Survives `kill -9` at any instant: whoever starts next on
 * the same data directory takes over the files of the dead.
 */
@Injectable()
export class SpendLedger {
  readonly #root: string;
  readonly #incarnation = newIncarnation();
  readonly #alive = new AliveMark();
  readonly #calls = new PassingTable<InFlight>();
  /** The drain must not run inside a caller's transaction, which `AsyncLocalStorage` would carry along. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #spool: Spool | undefined;
  #drain: Drain | undefined;
  /** One adoption after the other: two would read and remove the same files. */
  #adopting: Promise<unknown> = Promise.resolve();
  #lost = false;
  #closed = false;
  #recovered: (entry: Entry) => void = () => undefined;
  #buried: (writer: string) => void | Promise<void> = () => undefined;
  #corrected: (entries: readonly EntryFacts[]) => void = () => undefined;
  #whenLost: () => void = () => undefined;

  constructor(
    config: Config,
    private readonly store: LedgerStore,
    private readonly logger: Logger,
  ) {
    this.#root = join(config.server.dataDir, 'spool');
  }

  /** Opens this process's spool and stores what dead processes left. Resolves when that is in PostgreSQL. */
  async start(): Promise<void> {
    const directory = join(this.#root, this.#incarnation);
    const onSyncError = (error: Error): void =>
      this.logger.error(
        { error },
        'The disk did not confirm the spool; a power loss could lose the last moments.',
      );
    const spool = this.openSpool({
      directory,
      segmentBytes: SEGMENT_BYTES,
      syncWithinMs: SYNC_WITHIN_MS,
      onSyncError,
    });
    this.#spool = spool;
    const told = (entries: readonly EntryFacts[]): void => this.#corrected(entries);
    this.#drain = this.#outside(() => new Drain(spool, this.store, this.logger, told));
    await this.#alive.show(directory, () => {
      this.#lost = true;
      this.#whenLost();
      this.logger.fatal({ directory }, 'The spool directory is gone; this process takes no more work.');
    });
    await this.adopt();
  }

  /**
   * Takes over and stores what dead processes left; returns how many entries were new. Safe to run anywhere, any time; what
   * PostgreSQL does not take stays ours and is tried again by the next run.
   */
  adopt(): Promise<number> {
    const run = this.#adopting.then(() => this.#adoptAll());
    this.#adopting = run.catch(() => 0);
    return run;
  }

  async #adoptAll(): Promise<number> {
    let stored = 0;
    for (const orphan of await adoptOrphans(this.#root, this.#incarnation)) {
      let batch: Entry[] = [];
      for (const entry of entriesOf(orphan, Date.now())) {
        if (batch.push(entry) < ORPHAN_BATCH) continue;
        stored += await this.#storeRecovered(batch);
        batch = [];
      }
      stored += await this.#storeRecovered(batch);
      if (!(await this.#tellOf(orphan))) continue;
      removeOrphan(orphan);
      this.logger.warn(
        { writer: orphan.writer, entries: stored },
        'The spend records of a process that died were recovered.',
      );
    }
    return stored;
  }

  /** Comes before the files go: should this process end between the two, the next one finds them and tells again. */
  async #tellOf(orphan: Orphan): Promise<boolean> {
    try {
      await this.#buried(orphan.writer);
      return true;
    } catch (error) {
      this.logger.warn(
        { error, writer: orphan.writer },
        'The counters did not hear whose records were found yet.',
      );
      return false;
    }
  }

  /** Called for each recovered entry the moment it is in PostgreSQL, so that open counters can follow. */
  onRecovered(listener: (entry: Entry) => void): void {
    this.#recovered = listener;
  }

  /** Called when everything that a dead process wrote is in PostgreSQL. When it rejects, the records are kept, and told of again by the next run. */
  onBuried(listener: (writer: string) => void | Promise<void>): void {
    this.#buried = listener;
  }

  /** Called when calls of this process that were charged as lost turn out to have ended, and the ledger says so now. */
  onCorrected(listener: (entries: readonly EntryFacts[]) => void): void {
    this.#corrected = listener;
  }

  /** Called once when the spool's directory is gone: only a new process can make a new one, and this one should make room for it. */
  onLost(listener: () => void): void {
    this.#whenLost = listener;
  }

  /** Why no new call may begin; undefined when one may. Costs nothing. */
  refusal(): GatewayError | undefined {
    const spool = this.#spool;
    if (
      spool === undefined ||
      this.#lost ||
      this.#closed ||
      spool.failing ||
      spool.keptBytes > MAX_KEPT_BYTES
    )
      return ledgerFull(spool?.failing);
    return undefined;
  }

  /**
   * Records that a call begins. `proceed()` runs once the record is written, within this turn of the event loop;
   * `proceed(refused)` when it cannot be: then the call must not be made.
   */
  begin(record: BeginRecord, proceed: Proceed): void {
    const refused = this.refusal();
    if (refused) return proceed(refused);
    const call = new InFlight(record, proceed, this.#dropped);
    this.#calls.add(record.id, call);
    this.#opened().append(call);
  }

  /**
   * Records how a call ended and what it cost; settle its counters in the same synchronous step, because from here on the
   * entry counts as spent. `release()` runs once the record is durable; `release(failed)` when neither disk nor database took it in
   * time: then the client must not see a good end. A second end of the same call only runs `release`.
   */
  end(record: EndRecord, release: Proceed): void {
    const call = this.#calls.take(record.id);
    if (!call) return release();
    // Too late to be written; the begin is on record, and whoever starts next makes it a crash charge.
    if (this.#closed) return release(ledgerFull());
    const ended = new Ended(call, record, release);
    this.#opened().append(ended);
    this.#drain?.add(ended);
  }

  /** Resolves when everything that ended before this call is in PostgreSQL; rejects when PostgreSQL does not take it. */
  async flush(): Promise<void> {
    await this.#drain?.flush();
  }

  /** The same without hurrying: for who reads beside calls, and must not have each of them stored by itself. */
  async stored(): Promise<void> {
    await this.#drain?.stored();
  }

  /**
   * Reads from PostgreSQL while nothing is drained, then calls `apply` in the same step with what was read and all entries
   * that ended but were not in it: together exactly what was spent up to that instant. Entries of which `mustBeStored` says
   * so are in PostgreSQL by the time it is read.
   */
  async readSettled<T>(
    read: () => Promise<T>,
    apply: (value: T, undrained: Iterable<EntryFacts>) => void,
    mustBeStored: (entry: EntryFacts) => boolean = () => false,
  ): Promise<void> {
    const drain = this.#drain;
    if (!drain) return apply(await read(), []);
    await drain.still(read, apply, mustBeStored);
  }

  /** Runs `work` while this process stores nothing, with what ended and is not stored. */
  pause<T>(work: (undrained: () => Iterable<EntryFacts>) => Promise<T>): Promise<T> {
    return this.#drain ? this.#drain.pause(work) : work(() => []);
  }

  /** What ended and is not stored. */
  undrained(): Iterable<EntryFacts> {
    return this.#drain?.undrained ?? [];
  }

  /** How this process signs its records. */
  get writer(): string {
    return this.#incarnation;
  }

  backlog(): LedgerBacklog {
    return {
      entries: this.#drain?.size ?? 0,
      bytes: this.#spool?.keptBytes ?? 0,
      inFlight: this.#calls.size,
    };
  }

  /** Nothing that is in PostgreSQL stays in this process's spool: somebody is being erased. */
  async turnOver(): Promise<void> {
    await this.flush();
    this.#opened().turnOver();
  }

  /** Stores what is left and closes. What PostgreSQL does not take stays in the files, for the next process. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.flush();
    } catch (error) {
      this.logger.warn({ error }, 'PostgreSQL did not take the last spend records; they stay in the spool.');
    }
    this.#closed = true;
    await this.#drain?.stop();
    this.#spool?.close();
    this.#alive.hide();
  }

  /** For tests, which break disks. */
  protected openSpool(options: SpoolOptions): Spool {
    return new Spool(options);
  }

  async #storeRecovered(entries: Entry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const store = (): Promise<ReadonlySet<string>> => this.#outside(() => this.store.insert(entries));
    let stored = 0;
    await this.readSettled(store, (fresh) => {
      stored = fresh.size;
      for (const entry of entries) if (fresh.has(entry.id)) this.#recovered(entry);
    });
    return stored;
  }

  #dropped = (call: InFlight): void => {
    this.#calls.take(call.begin.id);
  };

  #opened(): Spool {
    if (!this.#spool) throw new Error('the ledger is not started');
    return this.#spool;
  }
}
