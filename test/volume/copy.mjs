// COPY FROM STDIN through the driver we have: rows go out as text, with the socket's own back-pressure.
import { once } from 'node:events';

/** Rows per piece: large enough that the pieces' own cost vanishes. */
const PIECE = 2_000;

/** Copies rows (arrays of values; null is NULL) into a table. Rejects with what the server says. */
export function copyInto(client, table, columns, rows) {
  return new Promise((resolve, reject) => {
    let failure;
    client.query({
      submit(connection) {
        connection.query(`COPY ${table} (${columns.join(', ')}) FROM STDIN`);
      },
      handleCopyInResponse(connection) {
        void stream(connection, rows).then(
          () => connection.endCopyFrom(),
          (error) => {
            failure = error;
            connection.sendCopyFail(String(error));
          },
        );
      },
      handleCommandComplete() {},
      handleReadyForQuery() {
        if (failure) reject(failure);
        else resolve();
      },
      handleError(error) {
        failure ??= error;
      },
    });
  });
}

async function stream(connection, rows) {
  let lines = [];
  const flush = async () => {
    connection.sendCopyFromChunk(Buffer.from(lines.join('')));
    lines = [];
    if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    // Answers and timers get their turn, whatever the socket takes.
    else await new Promise((resolve) => setImmediate(resolve));
  };
  for (const row of rows) {
    lines.push(`${row.map(toText).join('\t')}\n`);
    if (lines.length >= PIECE) await flush();
  }
  await flush();
}

function toText(value) {
  if (value === null || value === undefined) return '\\N';
  if (typeof value === 'number') return String(value);
  return String(value).replaceAll(
    /[\\\n\r\t]/g,
    (letter) => `\\${{ '\n': 'n', '\r': 'r', '\t': 't', '\\': '\\' }[letter]}`,
  );
}
