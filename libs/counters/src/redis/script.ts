import { hash } from 'node:crypto';
import { LEASES } from './lua/leases.js';
import { MONEY } from './lua/money.js';
import { OPENING } from './lua/opening.js';
import { OPERATIONS } from './lua/operations.js';
import { PRELUDE } from './lua/prelude.js';
import { WAITING } from './lua/waiting.js';
import { WINDOWS } from './lua/windows.js';

/** All decisions about shared counters: one script, so that each batch is one step that nobody can see half of. */
export const SCRIPT = [PRELUDE, WINDOWS, MONEY, WAITING, LEASES, OPENING, OPERATIONS].join('\n');
export const SCRIPT_SHA = hash('sha1', SCRIPT);

/** Says in which epoch the counters are; absent: Redis has lost its memory. */
export const EPOCH_KEY = '{c}:epoch';
/** Which run of which server the epoch belongs to: a replica that was promoted may have missed the last moments. */
export const RUN_KEY = '{c}:run';
export const ALL_CHANNEL = '{c}:all';

export function channelOf(incarnation: string, epoch = ''): string {
  return `{c}:v:${epoch}${incarnation}`;
}
