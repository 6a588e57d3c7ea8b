/** A group name that holds `*`, ready to match. Anchored at both ends, so that `openai/*` never admits `x-openai/y`. */
export interface ModelPattern {
  readonly text: string;
  /** Literal characters: the more, the more specific. */
  readonly literals: number;
  /** What the stars stood for, in order; undefined when the name does not match. */
  capture(name: string): readonly string[] | undefined;
}

export function modelPattern(text: string): ModelPattern {
  const parts = text.split('*');
  return { text, literals: text.length - (parts.length - 1), capture: (name) => captured(parts, name) };
}

/**
 * Each star stands for as little as it can. Linear, and no regular expression: administrators of teams write these names, their
 * callers the ones they are held against, and together they could keep every other caller waiting.
 */
function captured(parts: readonly string[], name: string): readonly string[] | undefined {
  const [prefix = ''] = parts;
  const suffix = parts.at(-1) ?? '';
  const end = name.length - suffix.length;
  if (end < prefix.length || !name.startsWith(prefix) || !name.endsWith(suffix)) return undefined;
  const captures: string[] = [];
  let at = prefix.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return undefined;
    captures.push(name.slice(at, found));
    at = found + part.length;
  }
  captures.push(name.slice(at, end));
  return captures;
}

/** Most specific first; equal ones in the order of the file. */
export function bySpecificity(a: ModelPattern, b: ModelPattern): number {
  return b.literals - a.literals;
}

/** Puts captures in the place of the stars, in order. Stars without a capture stay: they mean themselves. */
export function substitute(template: string, captures: readonly string[]): string {
  let next = 0;
  return template.replace(/\*/g, (star) => captures[next++] ?? star);
}
