/** Shorter names are words: they are found where they are a whole value, not inside a text. */
const SHORTEST_IN_TEXT = 6;

/** In JSON these are also no text at all: there they are only found as a whole one. */
const NUMBER = /^[-+]?[0-9.]+(?:e[-+]?[0-9]+)?$/i;

/** Patterns for everything that names one person, in the grammar that PostgreSQL and JavaScript share; case is ignored. */
export interface PersonPattern {
  /** For columns of text, and elements of lists. */
  readonly text: string;
  /** For the text of a JSON document. */
  readonly json: string;
  /** The same, for documents whose members we have named: what stands before a colon is nobody. */
  readonly values: string;
}

const BEFORE = String.raw`(?<![A-Za-z0-9_@.+-])`;
const BEFORE_IN_JSON = String.raw`(?:(?<![A-Za-z0-9_@.+-])|(?<=\\[nrtbf]))`;
/** Behind a place in a string of a JSON document that is no member's name. */
const NO_NAME = String.raw`(?!(?:[^"\\]|\\.)*"\s*:)`;
/** `ann.` ends a sentence; `ann.b` is somebody else. */
const AFTER = String.raw`(?![A-Za-z0-9_@-])(?!\.[A-Za-z0-9])`;

export function patternOf(terms: readonly string[]): PersonPattern {
  const distinct = [...new Set(terms.filter((term) => term !== ''))];
  const long = distinct.filter((term) => term.length >= SHORTEST_IN_TEXT);
  const short = distinct.filter((term) => term.length < SHORTEST_IN_TEXT);
  const inJson = (list: readonly string[]): string[] => list.map((term) => JSON.stringify(term).slice(1, -1));
  const numbers = long.filter((term) => NUMBER.test(term));
  const words = long.filter((term) => !NUMBER.test(term));
  const whole = [...short, ...numbers];
  const text = [
    ...(long.length > 0 ? [`${BEFORE}(?:${anyOf(long)})${AFTER}`] : []),
    ...(short.length > 0 ? [`^(?:${anyOf(short)})$`] : []),
  ];
  const json = [
    ...(words.length > 0 ? [`${BEFORE_IN_JSON}(?:${anyOf(inJson(words))})${AFTER}`] : []),
    ...(whole.length > 0 ? [`(?<=")(?:${anyOf(inJson(whole))})(?=")`] : []),
  ];
  const values = json.map((alternative) => alternative + NO_NAME);
  return { text: text.join('|'), json: json.join('|'), values: values.join('|') };
}

/** The longest first, so that an address is not left with half of it gone. */
function anyOf(terms: readonly string[]): string {
  return terms
    .toSorted((a, b) => b.length - a.length)
    .map((term) => term.replaceAll(/[^A-Za-z0-9\u0080-\uffff]/g, String.raw`\$&`))
    .join('|');
}
