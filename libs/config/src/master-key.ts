/** Shorter keys can be guessed or were typed by hand; the security guide asks for twenty characters at least. */
const MINIMUM_LENGTH = 20;

/** Keys that stand in tutorials and sample files, whatever their length. Compared without `sk-` and without case. */
const WELL_KNOWN = new Set([
  '1234',
  '12345',
  '123456',
  'anything',
  'changeme',
  'change-me',
  'your-master-key',
  'your-secure-key-here',
  'your-strong-secure-key-here',
  'litellm-master-key',
  'my-secret-master-key',
  'hardcoded-key-123',
  'admin',
  'password',
  'password123',
  'a1b2c3d4e5f67890abcdef1234567890a1b2c3d4e5f67890abcdef12345678',
]);

/** Fewer different characters than this is a pattern typed by hand (`sk-aaaaaaaaaaaaaaaaaaaa`), not a random key. */
const MINIMUM_DISTINCT = 6;

/** Why a master key is too weak to guard a production proxy, as the end of a sentence; undefined when it is strong. It needs no `sk-` prefix. */
export function weaknessOfMasterKey(key: string): string | undefined {
  const bare = key.trim().toLowerCase().replace(/^sk-/, '');
  if (bare === '') return 'it is empty';
  if (WELL_KNOWN.has(bare)) return 'it is a well-known sample key';
  if (key.trim().length < MINIMUM_LENGTH) return `it is shorter than ${MINIMUM_LENGTH} characters`;
  if (new Set(bare).size < MINIMUM_DISTINCT) return 'it repeats a few characters';
  return undefined;
}
