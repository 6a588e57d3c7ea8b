import { hash } from 'node:crypto';

/** Longest identifier kept whole: indexed columns take 2.7 KB at most, and one row too long would stop the drain for all. */
const MAX_ID = 500;
const MAX_TEXT = 2_000;

/** PostgreSQL's text holds neither NUL nor half of a surrogate pair; a caller's tag or `user` may. */
function storable(value: string): string {
  return (value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value).toWellFormed();
}

/** An identifier that fits an index: a long one keeps its beginning and gets a hash, so that two long ones stay two. */
export function boundedId(value: string): string {
  const clean = storable(value);
  return clean.length <= MAX_ID
    ? clean
    : `${clean.slice(0, MAX_ID - 33).toWellFormed()}#${hash('sha256', clean).slice(0, 32)}`;
}

export function boundedText(value: string): string {
  return storable(value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value);
}
