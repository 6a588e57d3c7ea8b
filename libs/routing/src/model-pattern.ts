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
  const literals = text.length - (parts.length - 1);
  const [prefix = '', suffix = ''] = parts;
  if (parts.length === 2) {
    return {
      text,
      literals,
      capture: (name) =>
        name.length >= prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix)
          ? [name.slice(prefix.length, name.length - suffix.length)]
          : undefined,
    };
  }
  const expression = new RegExp(
    `^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.*?)')}$`,
    's',
  );
  return { text, literals, capture: (name) => expression.exec(name)?.slice(1) };
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
