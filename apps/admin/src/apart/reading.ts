// What the reading thread does: its own connections, the controllers that read, and nothing that calls need.
import { parentPort, workerData } from 'node:worker_threads';
import 'reflect-metadata';
import { BrowsingPool } from '#libs/database';
import { Secret } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import { Logger, Pseudonyms } from '#libs/telemetry';
import { GivenStandings } from '#libs/tenancy';
import type { DataSource } from 'typeorm';
import { receivedFailure, sentFailure } from './failures.js';
import {
  type FromThread,
  type Question,
  receivedCaller,
  type Sent,
  type SentParts,
  type ToThread,
} from './messages.js';
import { readingControllers } from './reading-controllers.js';

const port = parentPort;
if (port === null) throw new Error('This is the reading thread: it is started by the process that serves.');
const { databaseUrl, isOwnServer, budgets, pseudonymsKey } = workerData as SentParts;
const tell = (message: FromThread): void => port.postMessage(message);

/** Warnings are the serving thread's to write; there is nothing else to log here. */
class TellingLogger extends Logger {
  override trace(): void {}
  override debug(): void {}
  override info(): void {}
  override warn(fields: object, message: string): void {
    tell({ kind: 'warning', fields, message });
  }
  override error(fields: object, message: string): void {
    this.warn(fields, message);
  }
  override fatal(fields: object, message: string): void {
    this.warn(fields, message);
  }
  override child(): Logger {
    return this;
  }
}

/** What calls spend is the serving thread's to store. */
class FarLedger {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #asked = 0;

  flush(): Promise<void> {
    const stored = Promise.withResolvers<void>();
    this.#asked += 1;
    this.#waiting.set(this.#asked, stored);
    tell({ kind: 'store', id: this.#asked });
    return stored.promise;
  }

  answered({ id, failure }: Extract<ToThread, { kind: 'stored' }>): void {
    const stored = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) stored?.resolve();
    else stored?.reject(receivedFailure(failure));
  }
}

const ledger = new FarLedger();
const pool = new BrowsingPool({ url: new Secret(databaseUrl), isOwnServer }, new TellingLogger());
const pseudonyms = new Pseudonyms(pseudonymsKey === undefined ? undefined : Buffer.from(pseudonymsKey));
const groups = new AccessGroupIndex();
const standings = new GivenStandings();
let controllers: Promise<Readonly<Record<string, object>>> | undefined;

/** Opened by the first question, and by the next one when that failed. */
function opened(): Promise<Readonly<Record<string, object>>> {
  controllers ??= pool.source().then(
    (dataSource: DataSource) =>
      readingControllers({ dataSource, ledger, config: { budgets }, pseudonyms, groups, standings }),
    (error: unknown) => {
      controllers = undefined;
      throw error;
    },
  );
  return controllers;
}

async function answer({ id, controller, handler, values }: Question): Promise<void> {
  const headers: [string, string][] = [];
  try {
    const asked = (await opened())[controller] as Record<string, (...args: unknown[]) => unknown> | undefined;
    const found = asked?.[handler];
    if (found === undefined) throw new Error(`The reading thread has no ${controller}.${handler}.`);
    const result: unknown = await found.apply(
      asked,
      values.map((value) => received(value, headers)),
    );
    tell({ kind: 'answer', id, body: sharedBytesOf(JSON.stringify(result)), headers });
  } catch (thrown) {
    tell({ kind: 'failure', id, failure: sentFailure(thrown) });
  }
}

/**
 * Shared memory belongs to no thread: bytes that were handed over would count in the heap of the thread that serves calls, and have it look
 * through all of that heap for garbage, some 15 ms each time, whenever a dozen megabytes have come.
 */
function sharedBytesOf(text: string): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(Buffer.byteLength(text));
  Buffer.from(shared).write(text);
  return shared;
}

function received(sent: Sent, headers: [string, string][]): unknown {
  if (sent.is === 'value') return sent.value;
  if (sent.is === 'caller') {
    const caller = receivedCaller(sent.caller);
    standings.give(caller, sent.memberships);
    return caller;
  }
  return { setHeader: (name: string, value: string) => headers.push([name, value]) };
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'question') void answer(message);
  else if (message.kind === 'stored') ledger.answered(message);
  else if (message.kind === 'groups') groups.replace(message.groups);
  else if (message.kind === 'cut') pool.cut();
  else void pool.close().finally(() => port.close());
});
tell({ kind: 'ready' });
