import { setImmediate as nextTurn } from 'node:timers/promises';
import { chargesText, type Entry } from '../spool/codec.js';

/** The version byte that precedes the text in the binary form of jsonb: bytes go from the spool to the socket without ever being a string. */
const JSONB = 1;
const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;
/** In a row only its charges begin like this: within a JSON string no quote stands unescaped, and behind one no name. */
const CHARGES_BEGIN = '[{"scope"';
/** Where charges stand in a row (`columns.ts`). */
const CHARGES_INDEX = 24;
/** Longer than the brackets, commas and the number that come with a row. */
const ROOM = 24;
/** Some milliseconds of work: then whoever calls is served before more of a backlog is prepared. */
const ROWS_A_TURN = 500;

/** What `INSERT_ENTRIES` takes: rows with a number for their charges, how many, and the charges so numbered. */
export type RowParameters = [rows: Buffer, count: number, charges: Buffer];

/**
 * Most calls are charged like others of their batch, and eight charges are three quarters of a row: each list of charges travels and is
 * parsed once.
 */
export async function rowParameters(entries: readonly Entry[]): Promise<RowParameters> {
  const numbers = new Map<string, number>();
  const lists: Buffer[] = [];
  const bytes = entries.reduce((sum, { row }) => sum + row.length + ROOM, ROOM);
  const rows = Buffer.allocUnsafe(bytes);
  let at = rows.writeUInt8(OPEN, rows.writeUInt8(JSONB, 0));
  for (const [index, { row, charges }] of entries.entries()) {
    if (index > 0 && index % ROWS_A_TURN === 0) await nextTurn();
    const text = chargesText(charges);
    let number = numbers.get(text);
    if (number === undefined) {
      number = lists.push(Buffer.from(text)) - 1;
      numbers.set(text, number);
    }
    if (at > 2) at = rows.writeUInt8(COMMA, at);
    at = withNumber(row, lists[number], number, rows, at);
  }
  at = rows.writeUInt8(CLOSE, at);
  return [rows.subarray(0, at), entries.length, Buffer.from(`\u0001[${lists.join(',')}]`)];
}

/** The rows as they are, as one JSON array. */
export function jsonbOf(entries: readonly Entry[]): Buffer {
  return Buffer.from(`\u0001[${entries.map(({ row }) => row.toString('utf8')).join(',')}]`);
}

/** Writes `row` with `number` in place of its charges to `into` and returns where it ends. */
function withNumber(
  row: Buffer,
  charges: Buffer | undefined,
  number: number,
  into: Buffer,
  at: number,
): number {
  const begin = row.indexOf(CHARGES_BEGIN, 0, 'latin1');
  const end = begin + (charges?.length ?? 0);
  if (begin >= 0 && charges && row.compare(charges, 0, charges.length, begin, end) === 0) {
    let next = at + row.copy(into, at, 0, begin);
    next += into.write(String(number), next);
    return next + row.copy(into, next, end);
  }
  const members: unknown[] = JSON.parse(row.toString('utf8'));
  members[CHARGES_INDEX] = number;
  return at + into.write(JSON.stringify(members), at);
}
