/**
 * The longest answer a model family gives, in tokens, for callers who set no cap. The published price list does not carry
 * it. First match wins; a family that is not here gets a stated cap, which is sent upstream, so that the bound stays true.
 * Where a provider sells variants with longer answers behind a header, the larger number stands.
 */
const KNOWN: readonly (readonly [pattern: RegExp, maxOutputTokens: number])[] = [
  [/(^|[/.])gpt-5/, 128_000],
  [/(^|[/.])gpt-4\.1/, 32_768],
  [/(^|[/.])(chatgpt-4o|gpt-4o)/, 16_384],
  [/(^|[/.])gpt-4-turbo/, 4_096],
  [/(^|[/.])gpt-4/, 8_192],
  [/(^|[/.])gpt-3\.5/, 4_096],
  [/(^|[/.])o[134](-|$)/, 100_000],
  [/claude-3-7/, 128_000],
  [/claude-3-5/, 8_192],
  [/claude-3/, 4_096],
  [/claude/, 128_000],
  [/gemini-(2\.5|3)/, 65_536],
  [/gemini/, 8_192],
];

/** Sent upstream as the cap when neither the caller, the deployment nor the table above knows one. */
export const STATED_OUTPUT_CAP = 16_384;

/** Input bound of an opaque request to a model whose window nobody knows: the largest window sold. */
export const STATED_CONTEXT_WINDOW = 2_000_000;

/** The longest answer of a model; undefined when unknown. */
export function findMaxOutputTokens(model: string): number | undefined {
  const name = model.toLowerCase();
  return KNOWN.find(([pattern]) => pattern.test(name))?.[1];
}
