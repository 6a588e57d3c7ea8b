const WIDEST = 48;

/**
 * Rows as a table for people: one line a row, columns as wide as they need to be. Texts are never cut, because people copy ids and secrets
 * from here; lists and objects are, unless `isWhole`. Nothing in a cell can move the cursor.
 */
export function table(
  rows: readonly object[],
  columns: readonly string[],
  { isWhole = false }: { readonly isWhole?: boolean } = {},
): string {
  const cells = rows.map((row) => columns.map((column) => shown(memberAt(row, column), isWhole)));
  const lines = [columns.map((column) => column.toUpperCase()), ...cells];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `model_info.id` of a row. */
export function memberAt(row: unknown, path: string): unknown {
  let value = row;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function shown(value: unknown, isWhole: boolean): string {
  if (value === undefined || value === null || value === '') return '-';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // eslint-disable-next-line no-control-regex
  const safe = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return !isWhole && typeof value === 'object' && safe.length > WIDEST
    ? `${safe.slice(0, WIDEST - 1)}…`
    : safe;
}
