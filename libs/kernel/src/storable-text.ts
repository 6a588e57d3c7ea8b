/**
 * Text that PostgreSQL keeps as it is: no NUL, which fails whatever statement carries it, and no half of a surrogate pair,
 * which comes back as another character. Names that callers choose are asked for together: one of these would fail them all.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
