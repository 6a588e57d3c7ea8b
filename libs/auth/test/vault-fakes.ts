import type { Principal } from '#libs/kernel';
import type { KeyRecord } from '#libs/tenancy';
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
