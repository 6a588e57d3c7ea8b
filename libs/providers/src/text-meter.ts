/** The offset of the quote that ends a JSON string, whose text starts at `from`; the text's end when it is cut off. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (at - 1 - backslashes >= from && text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

/**
 * Counts the bytes of text a model produced, up to `to`, by looking for the members that carry it, without parsing. Escapes
 * count as written, so the sum is never too small. `text` is the frames' bytes as latin1: one character a byte. One frame
 * alone carries one kind of text, so the search then stops at the first kind found. `into` gets the texts themselves, as written.
 */
export function textBytes(
  text: string,
  markers: readonly string[],
  to: number,
  isOneFrame: boolean,
  into?: string[],
): number {
  let bytes = 0;
  for (const marker of markers) {
    for (let at = text.indexOf(marker); at >= 0 && at < to; at = text.indexOf(marker, at)) {
      at += marker.length;
      while (text[at] === ' ') at += 1;
      if (text[at] !== '"') continue;
      const end = closingQuote(text, at + 1);
      bytes += end - at - 1;
      into?.push(text.slice(at + 1, end));
      at = end;
    }
    if (isOneFrame && bytes > 0) break;
  }
  return bytes;
}
