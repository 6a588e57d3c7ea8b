export { after, type Duration, parseDuration, parsePeriod } from './duration.js';
export { KeyDirectory, type KeyRecord } from './key-directory.js';
export { hashOfNamed, hashRawKey, maskRawKey, newRawKey } from './key-secret.js';
export { SpendReader } from './spend-reader.js';
