import { TextMemory } from '#libs/kernel';
import { boundedId } from './storable.js';

/** An id as PostgreSQL can index it, quoted. */
export function quoted(text: string | null): string {
  return text === null ? 'null' : JSON.stringify(boundedId(text));
}

/** Models, providers and agents come back; what callers invent must not fill the memory. */
const texts = new TextMemory(4_096, 256, quoted);

/** A text that many records share, quoted once. */
export function known(text: string | null): string {
  return text === null ? 'null' : texts.of(text);
}
