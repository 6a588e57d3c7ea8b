const NOTHING = Buffer.alloc(0);

/**
 * Puts the model's name as the caller knows it in the place of the provider's, in bytes that are JSON or frames of JSON.
 * Looks for the member as it is spelled: inside a string its quotes would be escaped, so a text never matches. Where the
 * names are the same, or the provider's is spelled with escapes, every byte passes.
 */
export class ShownModel {
  readonly #name: string;
  #needle: Buffer | undefined;
  #written = '';
  #replacement = '';
  #replacementBytes: Buffer = NOTHING;

  constructor(readonly shown: string) {
    this.#name = JSON.stringify(shown);
  }

  /** The provider's name, and bytes in which it stands. Learning another one replaces the first. */
  learn(name: string, bytes: Buffer): void {
    this.#needle = undefined;
    if (name === this.shown) return;
    const value = JSON.stringify(name);
    for (const key of ['"model":', '"model": ']) {
      const needle = Buffer.from(key + value);
      if (!bytes.includes(needle)) continue;
      this.#needle = needle;
      // One character a byte, as the bytes are searched; the name itself may be any text.
      this.#written = needle.toString('latin1');
      this.#replacementBytes = Buffer.from(key + this.#name);
      this.#replacement = this.#replacementBytes.toString('latin1');
      return;
    }
  }

  /** The same buffer where there is nothing to change. */
  apply(bytes: Buffer): Buffer {
    const needle = this.#needle;
    if (needle === undefined || bytes.length < needle.length) return bytes;
    const at = bytes.indexOf(needle);
    if (at < 0) return bytes;
    const behind = at + needle.length;
    // Most chunks are one frame: three copies of bytes cost a third of a way through text.
    if (bytes.indexOf(needle, behind) < 0) {
      const growth = this.#replacementBytes.length - needle.length;
      const out = Buffer.allocUnsafe(bytes.length + growth);
      bytes.copy(out, 0, 0, at);
      this.#replacementBytes.copy(out, at);
      bytes.copy(out, behind + growth, behind);
      return out;
    }
    // A function, because `$` in a name would mean something in a replacement text.
    return Buffer.from(
      bytes.toString('latin1').replaceAll(this.#written, () => this.#replacement),
      'latin1',
    );
  }

  /** For a whole answer whose member was found already: a large body is not searched again. */
  splice(bytes: Buffer, valueStart: number, valueEnd: number): Buffer {
    return Buffer.concat([bytes.subarray(0, valueStart), Buffer.from(this.#name), bytes.subarray(valueEnd)]);
  }
}
