import { type BeforeApplicationShutdown, Injectable, type StreamableFile } from '@nestjs/common';
import { SpendLedger } from '#libs/budget';
import { type AccessGroup, BrowsingPool, Turnstile } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import { Logger } from '#libs/telemetry';
import { KeptStandings } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { ask, isResponse } from './asked.js';
import { sentFailure } from './failures.js';
import { type FromReader, type ReaderParts, type Sent, sentCaller, type ToReader } from './messages.js';
import { type ReaderEnd, ReaderProcess } from './reader-process.js';

/** The DI token of what the reader is started with. */
export class ReadingApartParts {
  constructor(readonly parts: ReaderParts) {}
}

/** As many as it has connections; who comes later waits in order. */
const AT_ONCE = 3;
/** Somebody who reads on finds it there; otherwise its memory is free again. */
const IDLE_MS = 5 * 60_000;
/** A page of the console asks for a handful: until more come, starting a process costs more than it saves. */
const STARTS_WITH = 20;
const WITHIN_MS = 60_000;
/** After it ended by itself; meanwhile the process that serves calls reads as if there were no other. */
const REST_MS = 60_000;

/**
 * Reads reports for people in a process of its own that gives way to everybody: rows are read, shaped and written as JSON there, and the
 * loop that serves calls only passes the bytes on. Started when somebody browses, gone when nobody does.
 */
@Injectable()
export class ReadingApart implements BeforeApplicationShutdown {
  readonly #parts: ReaderParts;
  readonly #turnstile = new Turnstile(AT_ONCE);
  #reader: ReaderProcess | undefined;
  /** Where it listens, once it does. */
  #path: string | undefined;
  #toldGroups: readonly AccessGroup[] | undefined;
  #groupsVersion = 0;
  #recent: number[] = [];
  #restsUntilMs = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(
    { parts }: ReadingApartParts,
    private readonly ledger: SpendLedger,
    private readonly groups: AccessGroupIndex,
    private readonly logger: Logger,
    private readonly dataSource: DataSource,
    private readonly standings: KeptStandings,
    browsing: BrowsingPool,
  ) {
    this.#parts = parts;
    browsing.onCut(() => this.#tell({ kind: 'cut' }));
  }

  /** Undefined where there is no reader, or none yet: then whoever asks reads by itself. */
  answer(controller: string, handler: string, args: readonly unknown[]): Promise<StreamableFile> | undefined {
    if (!this.#isThere()) return undefined;
    return this.#turnstile.pass(() => this.#ask(controller, handler, args));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#restsUntilMs = Infinity;
    await this.#end();
  }

  #isThere(): boolean {
    this.#idle?.refresh();
    if (this.#reader !== undefined) return this.#path !== undefined;
    const now = performance.now();
    if (now < this.#restsUntilMs) return false;
    this.#recent = [...this.#recent.slice(1 - STARTS_WITH), now];
    if (this.#recent.length < STARTS_WITH || now - (this.#recent[0] ?? 0) > WITHIN_MS) return false;
    this.#recent = [];
    this.#start();
    return false;
  }

  #start(): void {
    this.#reader = new ReaderProcess(this.#parts, {
      heard: (message) => this.#heard(message),
      ended: (how) => this.#ended(how),
    });
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  async #ask(controller: string, handler: string, args: readonly unknown[]): Promise<StreamableFile> {
    const values = await Promise.all(args.map((value) => this.#sent(value)));
    if (this.#path === undefined) throw new Error('The process that reads lists is gone.');
    const question = { controller, handler, values, groups: this.#tellGroups() };
    return ask(this.#path, question, args.find(isResponse));
  }

  async #sent(value: unknown): Promise<Sent> {
    if (isResponse(value)) return { is: 'response' };
    if (!isCaller(value)) return { is: 'value', value };
    const memberships = await this.standings.memberships(this.dataSource.manager, value);
    return { is: 'caller', caller: sentCaller(value), memberships };
  }

  #heard(message: FromReader): void {
    if (message.kind === 'ready') this.#ready(message.path);
    else if (message.kind === 'store') this.#store(message.id);
    else this.logger.warn(message.fields, message.message);
  }

  #ready(path: string): void {
    this.#path = path;
    this.logger.info({}, 'Somebody browses: lists and reports are read in a process of their own now.');
  }

  /** What has ended here counts in what is read there. */
  #store(id: number): void {
    this.ledger.stored().then(
      () => this.#tell({ kind: 'stored', id }),
      (error: unknown) => this.#tell({ kind: 'stored', id, failure: sentFailure(error) }),
    );
  }

  /** Tells which there are, when they changed; answers which version of them that is. */
  #tellGroups(): number {
    const { all } = this.groups;
    if (this.#toldGroups !== all) {
      this.#toldGroups = all;
      this.#groupsVersion += 1;
      this.#tell({
        kind: 'groups',
        version: this.#groupsVersion,
        groups: all.map((group) => ({ ...group })),
      });
    }
    return this.#groupsVersion;
  }

  #tell(message: ToReader): void {
    this.#reader?.tell(message);
  }

  async #end(): Promise<void> {
    this.#path = undefined;
    await this.#reader?.end();
  }

  #ended(how: ReaderEnd): void {
    clearTimeout(this.#idle);
    this.#reader = undefined;
    this.#toldGroups = undefined;
    this.#path = undefined;
    if (how.code === 0) return;
    this.logger.warn(how, 'The process that reads lists and reports failed; it will be started again.');
    // Whatever it was may happen again.
    this.#restsUntilMs = Math.max(this.#restsUntilMs, performance.now() + REST_MS);
  }
}

function isCaller(value: unknown): value is Principal {
  return typeof value === 'object' && value !== null && 'isCurrent' in value;
}
