import { closeSync, fdatasync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The file grows by this much zeros at a time, ahead of the records. Appending then changes no file size, so a sync has
 * only data to write and no journal to commit. Readers stop at a record of length 0.
 */
const GROWTH = Buffer.alloc(1024 * 1024);

/** One file of a spool. Removed once nothing in it is needed any more. */
export class Segment {
  readonly path: string;
  /** Bytes of whole records. */
  size = 0;
  /** Records that still need this file: begins without a drained end, ends not drained. */
  needed = 0;
  /** Bytes the file has on disk, zeros included. */
  #grown = 0;
  #fd: number | undefined;

  constructor(
    directory: string,
    readonly number: number,
  ) {
    this.path = join(directory, segmentName(number));
    this.#fd = openSync(this.path, 'wx+', 0o600);
  }

  /** Appends whole records or nothing: after a failed write the file ends where it did before. Throws the file system's error. */
  append(bytes: Buffer): void {
    const fd = this.#open();
    let written = 0;
    this.#grow(fd, this.size + bytes.length);
    try {
      while (written < bytes.length)
        written += writeSync(fd, bytes, written, bytes.length - written, this.size + written);
    } catch (error) {
      // Half a record in the middle would hide all that is written after it.
      if (written > 0) {
        ftruncateSync(fd, this.size);
        this.#grown = this.size;
      }
      throw error;
    }
    this.size += bytes.length;
  }

  /** Reads into `into`, which must be as long as what is wanted. Only for places that hold a whole record: nobody but us writes here. */
  read(offset: number, into: Buffer): void {
    const fd = this.#fd ?? openSync(this.path, 'r');
    try {
      for (let got = 0; got < into.length;) {
        const more = readSync(fd, into, got, into.length - got, offset + got);
        if (more === 0) throw new Error('a spool record cannot be read back');
        got += more;
      }
    } finally {
      if (fd !== this.#fd) closeSync(fd);
    }
  }

  /** Asks the disk to keep what was written; for power loss, not for crashes of ours. */
  sync(done: (error: Error | null) => void): void {
    if (this.#fd === undefined) return done(null);
    // A file that was drained and closed meanwhile needs no disk any more.
    fdatasync(this.#fd, (error) => done(this.#fd === undefined ? null : error));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
  }

  /** Best effort: a disk that has no room for zeros may still have some for the records, whose own write tells. */
  #grow(fd: number, needed: number): void {
    if (needed <= this.#grown) return;
    try {
      this.#grown += writeSync(fd, GROWTH, 0, GROWTH.length, Math.max(this.#grown, this.size));
    } catch (_full) {
      this.#grown = needed;
    }
  }

  #open(): number {
    if (this.#fd === undefined) throw new Error('the spool segment is closed');
    return this.#fd;
  }
}

export function segmentName(number: number): string {
  return `${number.toString().padStart(8, '0')}.spool`;
}

/** The segment numbers among a directory's names, ascending. */
export function segmentNumbers(names: readonly string[]): number[] {
  return names
    .map((name) => /^(\d{8})\.spool$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}
