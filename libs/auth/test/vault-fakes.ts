import { vi } from 'vitest';
import type { Config } from '#libs/config';
import { ManualClock, type Principal } from '#libs/kernel';
import type { KeyDirectory, KeyRecord } from '#libs/tenancy';
import type { CompiledKey } from '../src/compiled-key.js';
import { KeyVault } from '../src/key-vault.js';
import { ChangeFeed, type ChangeListener, PrincipalPreparation } from '../src/ports.js';

export class FakeDirectory {
  readonly rows = new Map<string, KeyRecord>();
  readonly questions: (readonly string[])[] = [];
  isDown = false;
  isSilent = false;
  /** Runs between the read and its answer. */
  meanwhile: (() => void) | undefined;

  add(record: KeyRecord): string {
    this.rows.set(record.key.tokenHash, record);
    return record.key.tokenHash;
  }

  async findByHashes(hashes: readonly string[]): Promise<ReadonlyMap<string, KeyRecord>> {
    this.questions.push(hashes);
    if (this.isDown) throw new Error('connect ECONNREFUSED');
    if (this.isSilent) return new Promise(() => undefined);
    const found = new Map(
      hashes.flatMap((hash) => {
        const record = this.rows.get(hash);
        return record ? [[hash, record] as const] : [];
      }),
    );
    this.meanwhile?.();
    this.meanwhile = undefined;
    return found;
  }
}

export class FakeFeed extends ChangeFeed {
  listener: ChangeListener | undefined;
  is: 'live' | 'lagging' | 'down' = 'live';
  fenced = false;
  subscribe(listener: ChangeListener): void {
    this.listener = listener;
  }
  state(): 'live' | 'lagging' | 'down' {
    return this.is;
  }
  override isFenced(): boolean {
    return this.fenced;
  }
  say(noun: string, id: string): void {
    this.listener?.onChange({ noun, id });
  }
}

export class FakePreparation extends PrincipalPreparation {
  readonly prepared: Principal[] = [];
  async prepare(principal: Principal): Promise<void> {
    this.prepared.push(principal);
  }
}

/** A vault on nothing but fakes, and on timers that are faked already. */
export class TestedVault {
  readonly directory = new FakeDirectory();
  readonly feed = new FakeFeed();
  readonly preparation = new FakePreparation();
  readonly vault: KeyVault;
  readonly #clock = new ManualClock();

  constructor(config: Config) {
    const directory = this.directory as unknown as KeyDirectory;
    this.vault = new KeyVault(config, this.#clock, this.feed, this.preparation, directory);
  }

  /** Moves both clocks: ours and the timers'. */
  async pass(ms: number): Promise<void> {
    this.#clock.advance(ms);
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** What the vault says within 50 ms, or what it says at last. */
  async find(hash: string): Promise<CompiledKey | undefined> {
    const found = Promise.resolve(this.vault.find(hash));
    found.catch(() => undefined);
    await this.pass(50);
    return found;
  }
}
