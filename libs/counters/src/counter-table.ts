import { GatewayError } from '#libs/kernel';
import { Balance, Bid, Stake } from './balance.js';
import type { Claim } from './counters.js';
import { Gauge } from './gauge.js';
import { SlidingWindow } from './sliding-window.js';
import { Sweep } from './sweep.js';
import { GaugeTake, PoolTake, stretch, type Take, WindowTake } from './take.js';

/** The limits' part of one request, looked up but not yet taken. */
export interface Takes {
  readonly list: readonly Take[];
  readonly elasticAmount: number | undefined;
}

/** Every counter of the process by key. Windows and gauges are made on first use; money is opened, never made up. */
export class CounterTable {
  readonly windows = new Map<string, SlidingWindow>();
  readonly gauges = new Map<string, Gauge>();
  readonly balances = new Map<string, Balance>();
  readonly #sweep = new Sweep();

  bidOf(claims: readonly Claim[]): Bid {
    const stakes: Stake[] = [];
    for (const claim of claims) {
      if (claim.kind !== 'money') continue;
      const balance = this.openBalance(claim.key);
      stakes.push(new Stake(claim, balance, isIn(stakes, balance)));
    }
    return new Bid(stakes);
  }

  takesOf(claims: readonly Claim[], nowMs: number): Takes {
    const list: Take[] = [];
    let elastic: WindowTake[] | undefined;
    for (const claim of claims) {
      if (claim.kind === 'window') {
        const take = new WindowTake(claim, this.#windowOf(claim.key, claim.windowMs));
        list.push(take);
        if (claim.atLeast !== undefined) (elastic ??= []).push(take);
      } else if (claim.kind === 'gauge') {
        list.push(new GaugeTake(claim, this.#gaugeOf(claim.key)));
      } else if (claim.kind === 'pool') {
        const { key, poolKey, windowMs } = claim;
        list.push(new PoolTake(claim, this.#windowOf(key, windowMs), this.#windowOf(poolKey, windowMs)));
      }
    }
    return { list, elasticAmount: elastic && stretch(elastic, nowMs) };
  }

  openBalance(key: string): Balance {
    const balance = this.balances.get(key);
    if (balance) return balance;
    throw new GatewayError('counters.unavailable', 'The budget could not be verified; try again.', {
      internal: `money counter ${key} was used before it was opened`,
    });
  }

  isEmpty(): boolean {
    return this.windows.size + this.gauges.size + this.balances.size === 0;
  }

  /** Drops some of what is idle; never takes long. */
  forgetSomeIdle(nowMs: number, nowEpochMs: number): void {
    this.#sweep.some(this.windows, (window) => window.isEmptyAt(nowMs));
    this.#sweep.some(this.gauges, (gauge) => gauge.isIdleAt(nowMs));
    this.#sweep.some(this.balances, (balance) => balance.isDroppableAt(nowEpochMs));
  }

  #windowOf(key: string, windowMs: number): SlidingWindow {
    let window = this.windows.get(key);
    if (!window) this.windows.set(key, (window = new SlidingWindow(windowMs)));
    return window;
  }

  #gaugeOf(key: string): Gauge {
    let gauge = this.gauges.get(key);
    if (!gauge) this.gauges.set(key, (gauge = new Gauge()));
    return gauge;
  }
}

function isIn(stakes: readonly Stake[], balance: Balance): boolean {
  for (const stake of stakes) if (stake.balance === balance) return true;
  return false;
}
