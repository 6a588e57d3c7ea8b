import { CHAIN_START, chainHash, CHAINS, type Checkpoint, FOREIGN, type TrustedKeys } from './chain.js';
import {
  type Chain, commitmentOf, commitmentsIn, type Items, macOf, parseRecord, type Pruned, readable, sameText, type StoredRecord, valueOf,
} from './record.js'; // prettier-ignore

/** A sealed or unsealed row, from wherever it was read. */
export interface AuditRow {
  readonly id: string;
  readonly chain: Chain;
  readonly record: string | null;
  readonly mac: string | null;
  readonly seq: bigint | null;
  readonly hash: string | null;
  readonly items: Items | null;
  /** What the row shows beside its record, when it was read from the table. */
  readonly shown?: Readonly<Record<ShownColumn, string | null>>;
  /** What an export shows beside the record. */
  readonly event?: unknown;
}

type ShownColumn =
  'at' | 'actorUserId' | 'actorKeyId' | 'actorIp' | 'requestId' | 'action' | 'noun' | 'nounId';

/** One thing that is wrong, as a sentence that names the row. */
export interface Finding {
  /** Null: about an export as a whole. */
  readonly chain: Chain | null;
  readonly seq: bigint | null;
  readonly message: string;
}

/** How much of one chain is there, and up to where it is proven. */
export interface ChainReport {
  readonly chain: Chain;
  readonly rows: bigint;
  /** Rows after the last believed checkpoint: their tail could have been cut off unseen. */
  readonly provenUpTo: bigint;
  readonly unsealed: number;
}

/** What a verification found. `keyIds`: of the keys it was judged by. */
export interface AuditReport {
  readonly isSound: boolean;
  readonly findings: readonly Finding[];
  readonly chains: readonly ChainReport[];
  readonly erasedValues: number;
  readonly keyIds: readonly string[];
}

interface Progress {
  /** Rows before the first that is there. */
  gone: bigint;
  last: bigint;
  hash: string;
  unsealed: number;
  /** Hashes at places that checkpoints speak of. */
  readonly hashes: Map<bigint, string>;
}

const MOST_FINDINGS = 200;

/**
 * Judges rows given in order of (chain, seq), unsealed ones after the sealed. Memory grows with what is missing or wrong,
 * not with the rows.
 */
export class ChainVerifier {
  readonly #progress = new Map<Chain, Progress>(
    CHAINS.map((chain) => [chain, { gone: 0n, last: 0n, hash: CHAIN_START, unsealed: 0, hashes: new Map() }]),
  );
  readonly #findings: Finding[] = [];
  /** `event name` of values that are not there. */
  readonly #missing = new Map<string, Finding>();
  readonly #cleared = new Set<string>();
  readonly #pruned: Pruned[] = [];

  constructor(
    private readonly checkpoints: readonly Checkpoint[],
    private readonly keys: TrustedKeys,
    /** Given, rows that somebody else inserted are found before they are sealed. */
    private readonly mac?: { readonly key: Buffer; readonly name: string },
  ) {
    for (const { chain, seq } of checkpoints) this.#progress.get(chain)?.hashes.set(seq, '');
  }

  add(row: AuditRow): void {
    const progress = this.#progress.get(row.chain);
    if (!progress) return this.#find(row, 'belongs to no chain');
    if (row.seq === null) progress.unsealed += 1;
    else this.#link(row, row.seq, progress);
    if (row.record === null) return row.seq === null ? undefined : this.#find(row, 'has lost its record');
    if (row.mac === FOREIGN) this.#find(row, 'was not written by Tollgate (added)');
    else this.#checkMac(row, row.record);
    this.#checkContent(row, row.record);
  }

  #link(row: AuditRow, seq: bigint, progress: Progress): void {
    if (seq <= progress.last) return this.#find(row, 'stands twice (added)');
    if (progress.last === 0n && seq > 1n) this.#beginLate(row.chain, seq - 1n, progress);
    const isNext = seq === progress.last + 1n;
    if (!isNext) {
      const gone = progress.last + 1n === seq - 1n ? `${seq - 1n}` : `${progress.last + 1n} to ${seq - 1n}`;
      this.#note({ chain: row.chain, seq, message: `Row ${gone} of ${row.chain} is missing (removed).` });
    }
    if (isNext && row.hash !== chainHash(progress.hash, seq, row.record ?? '', row.mac ?? ''))
      this.#find(row, 'does not fit its hash (edited, added, or put into another place)');
    // Judging goes on from what is stored, so that one wrong row is told once.
    progress.last = seq;
    progress.hash = row.hash ?? '';
    if (progress.hashes.has(seq)) progress.hashes.set(seq, progress.hash);
  }

  /** The beginning is not there. Whether that is right, a later row says; what it ended with, the last checkpoint in it. */
  #beginLate(chain: Chain, upTo: bigint, progress: Progress): void {
    const end = this.checkpoints.find(
      (one) => one.chain === chain && one.seq === upTo && this.keys.judge(one) === 'good',
    );
    progress.gone = upTo;
    progress.last = upTo;
    progress.hash = end?.hash ?? '';
    progress.hashes.set(upTo, progress.hash);
  }

  #checkMac(row: AuditRow, record: string): void {
    if (!this.mac || row.mac === null) {
      if (this.mac) this.#find(row, 'was not written by Tollgate (added)');
      return;
    }
    // Written by a process with another key, or before the key was changed: the chain still covers it.
    if (!row.mac.startsWith(`${this.mac.name}:`)) return;
    if (!sameText(row.mac, macOf(this.mac.key, this.mac.name, record)))
      this.#find(row, 'was not written by Tollgate as it stands (edited or added)');
  }

  #checkContent(row: AuditRow, record: string): void {
    let stored: StoredRecord;
    try {
      stored = parseRecord(record);
    } catch {
      return this.#find(row, 'has a record that cannot be read (edited)');
    }
    if (stored.id !== row.id || stored.chain !== row.chain)
      this.#find(row, 'carries the record of another row (edited)');
    const items = row.items ?? {};
    const expected = new Set<string>();
    for (const [name, sha] of commitmentsIn(stored)) {
      expected.add(name);
      const item = items[name];
      if (item === undefined) this.#miss(row, name);
      else if (commitmentOf(item[0], item[1]) !== sha)
        this.#find(row, `has another value of ${name} than was recorded (edited)`);
    }
    for (const name of Object.keys(items))
      if (!expected.has(name)) this.#find(row, `has a value of ${name} that was not recorded (added)`);
    if (row.shown) this.#checkShown(row, row.shown, stored, items);
    if (row.event !== undefined && JSON.stringify(row.event) !== JSON.stringify(readable(record, items)))
      this.#find(row, 'shows something else than was recorded (edited)');
    if (stored.pruned) this.#pruned.push(stored.pruned);
    for (const [event, names] of Object.entries(stored.cleared ?? {}))
      for (const name of names) this.#cleared.add(`${event} ${name}`);
  }

  #checkShown(
    row: AuditRow,
    shown: NonNullable<AuditRow['shown']>,
    stored: StoredRecord,
    items: Items,
  ): void {
    for (const name of ['at', 'action', 'noun', 'actorKeyId'] as const)
      if (shown[name] !== stored[name]) this.#find(row, `shows another ${name} than was recorded (edited)`);
    for (const name of ['actorUserId', 'actorIp', 'requestId', 'nounId'] as const) {
      const value = valueOf(items, name);
      const isErased = stored[name] !== null && value === undefined;
      const right = isErased
        ? shown[name] === null || shown[name] === ERASED
        : shown[name] === (value ?? null);
      if (!right) this.#find(row, `shows another ${name} than was recorded (edited)`);
    }
  }

  /** Call it once, after the last row. */
  finish(): AuditReport {
    let erasedValues = 0;
    for (const [name, finding] of this.#missing) {
      if (this.#cleared.has(name)) erasedValues += 1;
      else this.#note(finding);
    }
    for (const [chain, progress] of this.#progress) this.#judgeBeginning(chain, progress);
    const chains = [...this.#progress].map(([chain, progress]) => ({
      chain,
      rows: progress.last,
      provenUpTo: this.#judgeCheckpoints(chain, progress),
      unsealed: progress.unsealed,
    }));
    return {
      isSound: this.#findings.length === 0,
      findings: this.#findings,
      chains,
      erasedValues,
      keyIds: this.keys.ids,
    };
  }

  #judgeBeginning(chain: Chain, { gone, hashes }: Progress): void {
    if (gone === 0n) return;
    const isRight = this.#pruned.some(
      (pruned) => pruned.chain === chain && pruned.upTo === `${gone}` && pruned.hash === hashes.get(gone),
    );
    if (isRight) return;
    const rows = gone === 1n ? '1' : `1 to ${gone}`;
    this.#note({ chain, seq: gone, message: `Row ${rows} of ${chain} is missing (removed).` });
  }

  #judgeCheckpoints(chain: Chain, progress: Progress): bigint {
    let proven = 0n;
    let furthest = 0n;
    for (const checkpoint of this.checkpoints) {
      if (checkpoint.chain !== chain) continue;
      const { seq, hash } = checkpoint;
      const verdict = this.keys.judge(checkpoint);
      if (verdict === 'bad')
        this.#note({
          chain,
          seq,
          message: `The checkpoint at row ${seq} of ${chain} has a wrong signature.`,
        });
      // What was let go in good order is not there to be compared with.
      if (verdict !== 'good' || seq < progress.gone) continue;
      if (seq > progress.last) furthest = seq > furthest ? seq : furthest;
      else if (progress.hashes.get(seq) === hash) proven = seq > proven ? seq : proven;
      else
        this.#note({
          chain,
          seq,
          message: `Row ${seq} of ${chain} is not the one that a checkpoint was signed for: rows up to it were edited, added or removed.`,
        });
    }
    if (furthest > 0n)
      this.#note({
        chain,
        seq: furthest,
        message: `A checkpoint was signed at row ${furthest} of ${chain}, and the chain ends at ${progress.last} (removed).`,
      });
    return proven;
  }

  #miss(row: AuditRow, name: string): void {
    const message = `Row ${row.seq ?? '(unsealed)'} of ${row.chain} (${row.id}) has lost its value of ${name}, and no erasure took it (removed).`;
    this.#missing.set(`${row.id} ${name}`, { chain: row.chain, seq: row.seq, message });
  }

  #find({ chain, seq, id }: AuditRow, what: string): void {
    this.#note({ chain, seq, message: `Row ${seq ?? '(unsealed)'} of ${chain} (${id}) ${what}.` });
  }

  #note(finding: Finding): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push(finding);
  }
}

/** In a row's columns, where a name was that an erasure took. */
export const ERASED = '[erased]';
