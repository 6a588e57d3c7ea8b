// Loaded into the product before it starts (`--import`): writes down which statements each request sent to the database. Those
// that only frame a transaction, or tell the database's wall who reads, are left out.
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import pg from 'pg';

const FRAME = /^\s*(BEGIN|START|COMMIT|ROLLBACK|SET|SELECT\s+set_config)\b/i;
const current = new AsyncLocalStorage();
const statementsOf = new WeakMap();

subscribe('http.server.request.start', ({ request }) => {
  const statements = [];
  statementsOf.set(request, statements);
  current.enterWith(statements);
});
subscribe('http.server.response.finish', ({ request }) => {
  const line = JSON.stringify({ path: request.url, statements: statementsOf.get(request) });
  appendFileSync(process.env.STATEMENTS_FILE, `${line}\n`);
});

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...words) {
  const text = typeof words[0] === 'string' ? words[0] : words[0]?.text;
  if (typeof text === 'string' && !FRAME.test(text))
    current.getStore()?.push({ text, values: Array.isArray(words[1]) ? words[1] : [] });
  return Reflect.apply(query, this, words);
};
