/** Turns pino's JSON line into one a person reads: time, level, message, then `name=value`. */
export function readableLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  return formatLine(String(time), String(level), String(msg ?? ''), fields);
}

export function formatLine(
  time: string,
  level: string,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${readableValue(value)}`);
  // A line stays one line, so that a value with a line break cannot forge another.
  return `${time} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}${details.join('')}\n`;
}

function readableValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null';
  return /^[\w./:@*+-]+$/.test(value) ? value : JSON.stringify(value);
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f\u2028\u2029]/g, ' ');
}
