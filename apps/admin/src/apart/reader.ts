// What the reading process does: its own connections, the controllers that read, and nothing that calls need.
import { once } from 'node:events';
import 'reflect-metadata';
import { BrowsingPool } from '#libs/database';
import { Secret } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import { Logger, Pseudonyms } from '#libs/telemetry';
import { GivenStandings } from '#libs/tenancy';
import type { DataSource } from 'typeorm';
import { receivedFailure, sentFailure } from './failures.js';
import {
  type FromReader,
  type Headers,
  type Question,
  receivedCaller,
  type Sent,
  type SentParts,
  type ToReader,
} from './messages.js';
import { readingControllers } from './reading-controllers.js';

/** What is written in one turn, here and in the process that passes it on. */
const PIECE_BYTES = 64 * 1024;

const send = process.send?.bind(process);
if (send === undefined) throw new Error('This reads for a process that serves, and is started by it.');
/** Ends when the message has left, so that not all of a long answer waits to be sent. */
const tell = (message: FromReader): Promise<void> =>
  new Promise((left) => send(message, undefined, {}, () => left()));
// It ends with the process that started it, and only with it: a signal to both is for that one to act upon.
process.once('disconnect', () => process.exit());
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Of what nobody expected only words are told: the driver hangs statements and their parameters on its errors.
process.once('uncaughtException', ({ message }) => {
  void tell({ kind: 'warning', fields: { error: message }, message: 'Reading failed.' }).then(() =>
    process.exit(1),
  );
});
const [{ parts }] = (await once(process, 'message')) as [{ parts: SentParts }];
const { databaseUrl, isOwnServer, budgets, pseudonymsKey } = parts;

/** Warnings are the serving process's to write; there is nothing else to log here. */
class TellingLogger extends Logger {
  override trace(): void {}
  override debug(): void {}
  override info(): void {}
  override warn(fields: object, message: string): void {
    void tell({ kind: 'warning', fields, message });
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

/** What calls spend is the serving process's to store. */
class FarLedger {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #asked = 0;

  flush(): Promise<void> {
    const stored = Promise.withResolvers<void>();
    this.#asked += 1;
    this.#waiting.set(this.#asked, stored);
    void tell({ kind: 'store', id: this.#asked });
    return stored.promise;
  }

  answered({ id, failure }: Extract<ToReader, { kind: 'stored' }>): void {
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
    if (found === undefined) throw new Error(`The reading process has no ${controller}.${handler}.`);
    const result: unknown = await found.apply(
      asked,
      values.map((value) => received(value, headers)),
    );
    await tellAnswer(id, Buffer.from(JSON.stringify(result)), headers);
  } catch (thrown) {
    void tell({ kind: 'failure', id, failure: sentFailure(thrown) });
  }
}

async function tellAnswer(id: number, body: Buffer, headers: Headers): Promise<void> {
  void tell({ kind: 'answer', id, length: body.length, headers });
  for (let at = 0; at < body.length; at += PIECE_BYTES)
    await tell({ kind: 'piece', id, bytes: body.subarray(at, at + PIECE_BYTES) });
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

process.on('message', (message: ToReader) => {
  if (message.kind === 'question') void answer(message);
  else if (message.kind === 'stored') ledger.answered(message);
  else if (message.kind === 'groups') groups.replace(message.groups);
  else if (message.kind === 'cut') pool.cut();
  else void pool.close().finally(() => process.disconnect());
});
void tell({ kind: 'ready' });
