/** One finding: `ok` is fine, `look` is worth a look, `bad` would not work or is unsafe. It says the remedy where there is one. */
export interface Finding {
  readonly verdict: 'ok' | 'look' | 'bad';
  readonly text: string;
}

export const ok = (text: string): Finding => ({ verdict: 'ok', text });
export const look = (text: string): Finding => ({ verdict: 'look', text });
export const bad = (text: string): Finding => ({ verdict: 'bad', text });
