import { mkdirSync, rmSync } from 'node:fs';
import { FrameBuffer } from './frame.js';
import { Segment } from './segment.js';

/** A record on its way to the disk. */
export interface Append {
  /** Adds itself to the write that is being made; returns where it starts in there. */
  frame(into: FrameBuffer): number;
  /** After the write that holds it, at `offset` with `bytes` bytes: the kernel has it, `kill -9` cannot lose it. */
  written(segment: Segment, offset: number, bytes: number): void;
  /** The write failed. True: keep it and write it before anything else later; false: it is dropped. */
  failed(error: Error): boolean;
}

export interface SpoolOptions {
  readonly directory: string;
  /** A new file is begun past this size, so that drained ones can go. */
  readonly segmentBytes: number;
  /** Longest time between a write and the request to the disk to keep it. */
  readonly syncWithinMs: number;
  readonly onSyncError: (error: Error) => void;
}

/** After a failed write the next attempt comes this much later. */
const RETRY_MS = 100;

/**
 * An append-only log in files of one directory. All records of one turn of the event loop go out in one write; their
 * callbacks run right after it, in order. Failed records may stay and are written first once the disk takes them again.
 */
export class Spool {
  readonly #frames = new FrameBuffer();
  readonly #segments = new Map<number, Segment>();
  #pending: Append[] = [];
  #scheduled = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncing = false;
  #dirty = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #current: Segment;
  #failing: Error | undefined;
  #closed = false;

  constructor(private readonly options: SpoolOptions) {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#current = this.#newSegment(1);
  }

  /** The error of the last write, until one succeeds again. */
  get failing(): Error | undefined {
    return this.#failing;
  }

  get current(): Segment {
    return this.#current;
  }

  /** Bytes that are kept because something in their files is not drained yet. */
  get keptBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.values()) if (segment.needed > 0) bytes += segment.size;
    return bytes;
  }

  segment(number: number): Segment | undefined {
    return this.#segments.get(number);
  }

  append(record: Append): void {
    this.#pending.push(record);
    if (this.#scheduled || this.#retryTimer) return;
    this.#scheduled = true;
    setImmediate(this.#write);
  }

  /** A record that needed this file no longer does. */
  forget(segment: Segment): void {
    segment.needed -= 1;
    if (segment.needed === 0 && segment !== this.#current) this.#drop(segment);
  }

  /** Begins a new file, so that what was drained is gone from the disk. */
  turnOver(): void {
    if (!this.#closed && this.#current.size > 0) this.#rotate();
  }

  /** Writes what waits, closes and, when nothing is needed any more, removes the directory. */
  close(): void {
    this.#write();
    this.#closed = true;
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#retryTimer);
    let needed = this.#pending.length;
    for (const segment of this.#segments.values()) {
      needed += segment.needed;
      segment.close();
    }
    if (needed === 0) rmSync(this.options.directory, { recursive: true, force: true });
  }

  #write = (): void => {
    this.#scheduled = false;
    if (this.#pending.length === 0 || this.#closed) return;
    const batch = this.#pending;
    this.#pending = [];
    const starts: number[] = [];
    try {
      if (this.#current.size >= this.options.segmentBytes) this.#rotate();
      this.#frames.clear();
      for (const record of batch) starts.push(record.frame(this.#frames));
      this.#current.append(this.#frames.used);
    } catch (error) {
      return this.#fail(batch, error instanceof Error ? error : new Error(String(error)));
    }
    this.#failing = undefined;
    const segment = this.#current;
    const base = segment.size - this.#frames.used.length;
    starts.push(this.#frames.used.length);
    for (let index = 0; index < batch.length; index += 1) {
      const start = starts[index] ?? 0;
      batch[index]?.written(segment, base + start, (starts[index + 1] ?? 0) - start);
    }
    this.#scheduleSync();
  };

  #fail(batch: Append[], error: Error): void {
    this.#failing = error;
    const kept = batch.filter((record) => record.failed(error));
    this.#pending = kept.concat(this.#pending);
    if (this.#retryTimer || this.#closed) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      if (this.#pending.length === 0) this.#failing = undefined;
      this.#write();
    }, RETRY_MS);
  }

  #rotate(): void {
    const full = this.#current;
    this.#current = this.#newSegment(full.number + 1);
    if (full.needed === 0) return this.#drop(full);
    full.sync((error) => {
      if (error) this.options.onSyncError(error);
      full.close();
    });
  }

  #newSegment(number: number): Segment {
    const segment = new Segment(this.options.directory, number);
    this.#segments.set(number, segment);
    return segment;
  }

  #drop(segment: Segment): void {
    this.#segments.delete(segment.number);
    segment.remove();
  }

  #scheduleSync(): void {
    this.#dirty = true;
    if (this.#syncTimer || this.#syncing) return;
    this.#syncTimer = setTimeout(this.#sync, this.options.syncWithinMs);
  }

  #sync = (): void => {
    this.#syncTimer = undefined;
    this.#syncing = true;
    this.#dirty = false;
    this.#current.sync((error) => {
      this.#syncing = false;
      if (error) this.options.onSyncError(error);
      if (this.#dirty && !this.#closed) this.#scheduleSync();
    });
  };
}
