import { setImmediate as nextTurn } from 'node:timers/promises';
import { readText } from './read-text.js';

/** Longer pieces make the tokenizer quadratic: 200 KB of one letter took 45 s in one call, 2 ms in pieces of this size. */
const PIECE_BYTES = 512;
/** After so many pieces the event loop gets its turn. */
const PIECES_PER_TURN = 32;
/** Beyond this the cheap bound stands: counting would take longer than it is worth. */
const MAX_BYTES = 1_000_000;

/**
 * How many tokens another vendor's tokenizer may make of what ours counts as 100. Estimates on the safe side, not
 * measurements: OpenAI's own share is a margin for message wrapping and piece borders, everybody else's vocabulary is not
 * at hand to count with.
 */
const MARGIN_PERCENT: Readonly<Record<string, number>> = { openai: 110, azure: 110 };
const OTHER_MARGIN_PERCENT = 200;

/** OpenAI's own frames take 3 tokens a message and 3 to begin; the cheap bound has 16 for each, which no template passes. */
const ANY_FRAME_TO_OPENAIS = 4;

/** Others speak that language, too, and frame messages in ways of their own. */
function isOpenAi(provider: string, apiBase: string): boolean {
  return provider === 'azure' || (provider === 'openai' && apiBase.startsWith('https://api.openai.com/'));
}

/**
 * A tighter input bound, counted with a tokenizer, for the moment when the cheap one does not fit what is left of a
 * budget. Never larger than `cheapBound`; opaque requests (`Infinity`) stay opaque. Yields the event loop while it counts.
 * The first call loads the vocabulary (about 100 ms).
 */
export async function tightenInputBound(
  { bytes, json }: { readonly bytes: Buffer; readonly json: Readonly<Record<string, unknown>> },
  cheapBound: number,
  { provider, apiBase }: { readonly provider: string; readonly apiBase: string },
  model: string,
): Promise<number> {
  if (!Number.isFinite(cheapBound) || bytes.length > MAX_BYTES) return cheapBound;
  // What the cheap bound adds around the text stays on top of what is counted inside it.
  const wrapped = Math.max(0, cheapBound - bytes.length);
  const hasKnownFrames =
    isOpenAi(provider, apiBase) && json['tools'] === undefined && json['functions'] === undefined;
  const wrapping = hasKnownFrames ? Math.ceil(wrapped / ANY_FRAME_TO_OPENAIS) : wrapped;
  const tokens = await countTokens(readText(json), model);
  const percent = MARGIN_PERCENT[provider] ?? OTHER_MARGIN_PERCENT;
  return Math.min(cheapBound, Math.ceil((tokens * percent) / 100) + wrapping);
}

/** Tokens of a text by the model's own vocabulary where it is public, else by OpenAI's newest. Yields the event loop while it counts. */
export async function countTokens(text: string, model: string): Promise<number> {
  const count = await counterFor(model);
  let tokens = 0;
  let pieces = 0;
  for (const piece of piecesOf(text)) {
    tokens += count(piece);
    pieces += 1;
    if (pieces % PIECES_PER_TURN === 0) await nextTurn();
  }
  return tokens;
}

let loaded: ((text: string) => number) | undefined;
let isLoading = false;

/** The same by OpenAI's newest vocabulary, without waiting: undefined until that is loaded, which the first call starts. For short texts. */
export function countTokensNow(text: string): number | undefined {
  if (loaded === undefined) {
    if (!isLoading) {
      isLoading = true;
      counterFor('').then(
        (count) => (loaded = count),
        () => (isLoading = false),
      );
    }
    return undefined;
  }
  let tokens = 0;
  for (const piece of piecesOf(text)) tokens += loaded(piece);
  return tokens;
}

/** How far off counting by that vocabulary may be for a provider, as a share. */
export function vocabularySlack(provider: string): number {
  return provider === 'openai' || provider === 'azure' ? 0 : 0.1;
}

async function counterFor(model: string): Promise<(text: string) => number> {
  // Special tokens in the text are text: `<|endoftext|>` must neither throw nor count as one.
  const asText = { disallowedSpecial: new Set<string>() };
  if (/gpt-4(?![o.])|gpt-3\.5|text-embedding/.test(model)) {
    const { countTokens } = await import('gpt-tokenizer/encoding/cl100k_base');
    return (text) => countTokens(text, asText);
  }
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  return (text) => countTokens(text, asText);
}

/** Pieces of at most 512 bytes that never split a surrogate pair. */
function* piecesOf(text: string): Generator<string> {
  // A UTF-16 unit is at most three bytes of UTF-8.
  const units = Math.floor(PIECE_BYTES / 3);
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + units);
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}
