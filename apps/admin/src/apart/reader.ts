// What the reading process does: its own connections, the controllers that read, and nothing that calls need.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import { BrowsingPool } from '#libs/database';
import { Secret } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import { Logger, Pseudonyms } from '#libs/telemetry';
import { GivenStandings } from '#libs/tenancy';
import type { DataSource } from 'typeorm';
import { receivedFailure, sentFailure } from './failures.js';
import { FirstValue, framed } from './frames.js';
import {
  type AnswerHead,
  type FromReader,
  type Question,
  receivedCaller,
  type Sent,
  type SentParts,
  type ToReader,
} from './messages.js';
import { readingControllers } from './reading-controllers.js';

const send = process.send?.bind(process);
if (send === undefined) throw new Error('This reads for a process that serves, and is started by it.');
/** Ends when the message has left. */
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

/** Answers the question that the connection brings. */
function answerOn(socket: Socket): void {
  const question = new FirstValue<Question>();
  // Who asked is gone: there is nobody to tell.
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    const asked = question.take(bytes);
    if (asked !== undefined) void answer(asked.value, socket);
  });
}

async function answer(
  { controller, handler, values, groups: version }: Question,
  socket: Socket,
): Promise<void> {
  const headers: [string, string][] = [];
  const begin = (head: AnswerHead): boolean => socket.write(framed(head));
  try {
    await groupsToldUpTo(version);
    const asked = (await opened())[controller] as Record<string, (...args: unknown[]) => unknown> | undefined;
    const found = asked?.[handler];
    if (found === undefined) throw new Error(`The reading process has no ${controller}.${handler}.`);
    const result: unknown = await found.apply(
      asked,
      values.map((value) => received(value, headers)),
    );
    const body = Buffer.from(JSON.stringify(result));
    begin({ length: body.length, headers });
    socket.end(body);
  } catch (thrown) {
    begin({ failure: sentFailure(thrown) });
    socket.end();
  }
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

let toldGroups = 0;
let groupsTold = Promise.withResolvers<void>();

async function groupsToldUpTo(version: number): Promise<void> {
  while (toldGroups < version) await groupsTold.promise;
}

function hearGroups({ version, groups: all }: Extract<ToReader, { kind: 'groups' }>): void {
  groups.replace(all);
  toldGroups = version;
  groupsTold.resolve();
  groupsTold = Promise.withResolvers();
}

process.on('message', (message: ToReader) => {
  if (message.kind === 'stored') ledger.answered(message);
  else if (message.kind === 'groups') hearGroups(message);
  else if (message.kind === 'cut') pool.cut();
  else void pool.close().finally(() => process.disconnect());
});
// Whoever can open the folder may ask as anybody: it is this account's alone.
const folder = mkdtempSync(join(tmpdir(), 'tollgate-reading-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'questions');
const server = createServer({ allowHalfOpen: true }, answerOn).listen(path);
await once(server, 'listening');
void tell({ kind: 'ready', path });
