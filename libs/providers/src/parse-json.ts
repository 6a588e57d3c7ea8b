/** What the JSON says; undefined for a text that is none: it is not ours to judge, and passed on as it came. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
