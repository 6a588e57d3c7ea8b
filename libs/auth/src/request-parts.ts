import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Config } from '#libs/config';
import {
  Clock,
  GatewayError,
  type ModelRules,
  type Scope,
  type ScopeBudget,
  type ScopeLimit,
} from '#libs/kernel';
import { CallerDirectory, type RequestRows } from '#libs/tenancy';
import { budgetsOf, type GovernedScope, limitsOf, modelRulesOf, tagBudgetsOf } from './governed-scopes.js';
import { MAX_STALE_MS } from './key-vault.js';
import { ChangeFeed } from './ports.js';

/** What one customer or tag adds to the calls that name it. */
export interface RequestPart {
  readonly scope: Scope;
  readonly limits: readonly ScopeLimit[];
  readonly budgets: readonly ScopeBudget[];
  readonly rules: ModelRules | undefined;
  /** Empty: no restriction of its own. */
  readonly models: readonly string[];
  readonly blocked: boolean;
  /** False once a change dropped it. */
  isCurrent: boolean;
  /** When its rows were last known to be so (monotonic). */
  verifiedMs: number;
}

/** A customer, with the row of `budgets` it falls back to; or a tag. */
export interface PartName {
  readonly type: 'customer' | 'tag';
  readonly id: string;
  readonly defaultBudgetId?: string;
}

interface Kept {
  readonly part: RequestPart;
  readonly rows: readonly string[];
  /** Equal for rows that mean the same: then the part that requests hold stays the one there is. */
  readonly fingerprint: string;
}

interface Question {
  readonly wanted: ReadonlyMap<string, PartName>;
  readonly changedSince: Set<string>;
  readonly answer: Promise<ReadonlyMap<string, RequestPart>>;
}

/** Names are chosen by callers: this many are remembered, the least used are read again. Some 40 MB at most. */
const MOST_KEPT = 20_000;
/** Rows that change faster than they are read, so often in a row, are an outage. */
const MOST_ATTEMPTS = 5;

/**
 * Customers and tags that requests name, compiled and remembered. A remembered name costs a map look-up; unknown ones that
 * arrive together are read together. A change of any row drops what was made from it at once. Names without a row are
 * remembered too: their spend is attributed, and a default budget may bind them.
 */
@Injectable()
export class RequestParts {
  readonly #kept: LRUCache<string, Kept>;
  readonly #byRow = new Map<string, Set<string>>();
  readonly #open = new Set<Question>();
  #next: Question | undefined;
  /** What was verified earlier may have missed a change. */
  #believedSinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly directory: CallerDirectory,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly feed: ChangeFeed,
  ) {
    this.#kept = new LRUCache({ max: MOST_KEPT, dispose: (kept, key) => this.#unlink(kept, key) });
    feed.subscribe({
      onChange: ({ noun, id }) => this.#drop(`${noun}:${id}`),
      onGap: () => {
        this.#believedSinceMs = this.clock.monotonicMs();
        for (const { changedSince } of this.#open) changedSince.add('*');
      },
    });
  }

  /** The part, or undefined when it has to be read first. */
  find(name: PartName): RequestPart | undefined {
    const part = this.#kept.get(keyOf(name))?.part;
    return part !== undefined && this.trusts(part) ? part : undefined;
  }

  /** Whether the part still stands: nothing changed it, and if something had, this process would know. */
  trusts(part: RequestPart): boolean {
    if (!part.isCurrent || part.verifiedMs < this.#believedSinceMs) return false;
    return (
      this.feed.state() === 'live' ||
      this.clock.monotonicMs() - part.verifiedMs <= this.config.auth.keyCacheTtlMs
    );
  }

  /** Reads what is not remembered. Throws `counters.unavailable` when PostgreSQL does not answer and nothing recent is at hand. */
  async read(names: readonly PartName[]): Promise<readonly RequestPart[]> {
    const missing = names.filter((name) => this.find(name) === undefined);
    const read = missing.length === 0 ? new Map<string, RequestPart>() : await this.#ask(missing, 1);
    return names.map((name) => {
      const part = read.get(keyOf(name)) ?? this.find(name);
      if (part === undefined) throw unverifiable();
      return part;
    });
  }

  async #ask(names: readonly PartName[], attempt: number): Promise<ReadonlyMap<string, RequestPart>> {
    const question = (this.#next ??= this.#newQuestion());
    const wanted = question.wanted as Map<string, PartName>;
    for (const name of names) wanted.set(keyOf(name), name);
    let read: ReadonlyMap<string, RequestPart>;
    try {
      read = await question.answer;
    } catch (cause) {
      return this.#bridged(names, cause);
    }
    const missing = names.filter((name) => !read.has(keyOf(name)));
    if (missing.length === 0) return read;
    if (attempt === MOST_ATTEMPTS) throw unverifiable();
    return new Map([...read, ...(await this.#ask(missing, attempt + 1))]);
  }

  /** Everybody who asks within one turn of the event loop shares a question. */
  #newQuestion(): Question {
    const wanted = new Map<string, PartName>();
    const changedSince = new Set<string>();
    const answer = new Promise<void>((resolve) => {
      setImmediate(resolve);
    }).then(async () => {
      this.#next = undefined;
      this.#open.add(question);
      const askedMs = this.clock.monotonicMs();
      try {
        const rows = await this.#read([...wanted.values()]);
        return this.#keep(wanted, rows, changedSince, askedMs);
      } finally {
        this.#open.delete(question);
      }
    });
    const question: Question = { wanted, changedSince, answer };
    return question;
  }

  #read(names: readonly PartName[]): Promise<RequestRows> {
    const ids = (type: PartName['type']) => names.flatMap((name) => (name.type === type ? [name.id] : []));
    const budgets = names.flatMap(({ defaultBudgetId }) =>
      defaultBudgetId === undefined ? [] : [defaultBudgetId],
    );
    return this.directory.findForRequests(ids('customer'), ids('tag'), [...new Set(budgets)]);
  }

  #keep(
    wanted: ReadonlyMap<string, PartName>,
    rows: RequestRows,
    changedSince: ReadonlySet<string>,
    askedMs: number,
  ): ReadonlyMap<string, RequestPart> {
    const made = new Map<string, RequestPart>();
    for (const [key, name] of wanted) {
      const { part, dependencies } = this.#compile(name, rows, askedMs);
      // What changed while it was read is asked for again.
      if (changedSince.has('*') || dependencies.some((row) => changedSince.has(row))) continue;
      const fingerprint = fingerprintOf(part, dependencies);
      const present = this.#kept.peek(key);
      if (present?.fingerprint === fingerprint) {
        present.part.verifiedMs = askedMs;
        made.set(key, present.part);
        continue;
      }
      made.set(key, part);
      this.#kept.set(key, { part, rows: dependencies, fingerprint });
      for (const row of dependencies) {
        const keys = this.#byRow.get(row);
        if (keys === undefined) this.#byRow.set(row, new Set([key]));
        else keys.add(key);
      }
    }
    return made;
  }

  #compile(
    { type, id, defaultBudgetId }: PartName,
    rows: RequestRows,
    verifiedMs: number,
  ): { part: RequestPart; dependencies: string[] } {
    const customer = type === 'customer' ? (rows.customers.get(id) ?? null) : null;
    const row = type === 'customer' ? customer : (rows.tags.get(id) ?? null);
    const budgetId = row?.budgetId ?? defaultBudgetId;
    const governed: GovernedScope = {
      scope: { type, id },
      row,
      linked: rows.budgets.get(row?.budgetId ?? '') ?? rows.budgets.get(defaultBudgetId ?? ''),
    };
    return {
      part: {
        scope: governed.scope,
        limits: limitsOf(governed),
        budgets: [...budgetsOf(governed), ...(type === 'tag' ? tagBudgetsOf(id, this.config) : [])],
        rules: modelRulesOf(governed),
        models: customer?.models ?? [],
        blocked: customer?.blocked ?? false,
        isCurrent: true,
        verifiedMs,
      },
      dependencies: [
        `${type}:${id}`,
        ...[budgetId, defaultBudgetId].flatMap((one) => (one === undefined ? [] : [`budget:${one}`])),
      ],
    };
  }

  /** While PostgreSQL does not answer, what was known a moment ago still counts. */
  #bridged(names: readonly PartName[], cause: unknown): ReadonlyMap<string, RequestPart> {
    const found = new Map<string, RequestPart>();
    const oldestMs = this.clock.monotonicMs() - this.config.auth.keyCacheTtlMs - MAX_STALE_MS;
    for (const name of names) {
      const kept = this.#kept.get(keyOf(name));
      if (kept === undefined || kept.part.verifiedMs < oldestMs) throw unverifiable(cause);
      found.set(keyOf(name), kept.part);
    }
    return found;
  }

  #drop(row: string): void {
    for (const { changedSince } of this.#open) changedSince.add(row);
    for (const key of this.#byRow.get(row) ?? []) this.#kept.delete(key);
  }

  #unlink({ part, rows }: Kept, key: string): void {
    part.isCurrent = false;
    for (const row of rows) {
      const keys = this.#byRow.get(row);
      keys?.delete(key);
      if (keys?.size === 0) this.#byRow.delete(row);
    }
  }
}

function keyOf({ type, id, defaultBudgetId }: PartName): string {
  return `${type}\0${id}\0${defaultBudgetId ?? ''}`;
}

function fingerprintOf(
  { limits, budgets, rules, models, blocked }: RequestPart,
  rows: readonly string[],
): string {
  return JSON.stringify([limits, budgets, rules ?? null, models, blocked, rows], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}

function unverifiable(cause?: unknown): GatewayError {
  return new GatewayError(
    'counters.unavailable',
    'The limits of this request’s customer and tags cannot be read right now. Please try again shortly.',
    { cause, headers: { 'retry-after': '1' } },
  );
}
