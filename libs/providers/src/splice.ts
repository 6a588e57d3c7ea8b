import type { RequestBody } from './upstream.js';

/** Member name -> its new value as JSON text; `null` removes the member. */
export type Edits = ReadonlyMap<string, string | null>;

/**
 * The body with some top-level members changed, added (at the end) or removed. Every other byte stays as the caller wrote
 * it, spaces and number spellings included. Without an effective edit the very same buffer comes back.
 */
export function splice(body: Pick<RequestBody, 'bytes' | 'members'>, edits: Edits): Buffer {
  const { bytes, members } = body;
  const pieces: Uint8Array[] = [];
  let copiedTo = 0;
  let changed = false;
  const replaceBytes = (from: number, to: number, text: string): void => {
    if (from > copiedTo) pieces.push(bytes.subarray(copiedTo, from));
    if (text !== '') pieces.push(Buffer.from(text));
    copiedTo = to;
    changed = true;
  };

  const entries = [...members];
  const lastKept = entries.findLastIndex(([name]) => edits.get(name) !== null);
  for (let index = 0; index <= lastKept; index += 1) {
    const [name, member] = entries[index] ?? fail();
    const edit = edits.get(name);
    if (edit === undefined) continue;
    if (edit === null) replaceBytes(member.keyStart, (entries[index + 1] ?? fail())[1].keyStart, '');
    else replaceBytes(member.valueStart, member.valueEnd, edit);
  }

  let added = '';
  for (const [name, text] of edits) {
    if (text !== null && !members.has(name))
      added += `${added === '' ? '' : ','}${JSON.stringify(name)}:${text}`;
  }
  const firstDropped = entries[lastKept + 1]?.[1];
  const last = entries.at(-1)?.[1];
  if (firstDropped && last) {
    // Members removed at the end go together with the comma before them.
    const from = lastKept >= 0 ? (entries[lastKept] ?? fail())[1].valueEnd : firstDropped.keyStart;
    replaceBytes(from, last.valueEnd, added === '' ? '' : lastKept >= 0 ? `,${added}` : added);
  } else if (added !== '') {
    const at = last ? last.valueEnd : bytes.indexOf(0x7b) + 1;
    replaceBytes(at, at, last ? `,${added}` : added);
  }
  if (!changed) return bytes;
  pieces.push(bytes.subarray(copiedTo));
  return Buffer.concat(pieces);
}

function fail(): never {
  throw new RangeError('members and bytes do not belong together');
}
