/** How a key is called where it may be seen: `sk-...abcd`; of one shorter than 16 characters, nothing. */
export function maskKey(raw: string): string {
  return raw.length < 16 ? 'sk-...' : `sk-...${raw.slice(-4)}`;
}
