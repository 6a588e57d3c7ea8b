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
/**
 * How counters lie in Redis. A release that lays them out differently, or asks for what an older script does not do, raises it: then
 * its processes refuse to count beside those of an earlier one. What is only added, and left alone by older releases, does not.
 */
export const LAYOUT = '1';
export const LAYOUT_KEY = '{c}:layout';
/** The last of PostgreSQL's tickets that was seen here: one that PostgreSQL has not given out yet shows that it was restored to an earlier state. */
export const TICKET_KEY = '{c}:ticket';
/** Tickets of several processes arrive in any order; the highest stays. */
export const KEEP_HIGHEST = `local c = redis.call('GET', KEYS[1]) if not c or tonumber(c) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end`;
export const FORGET = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;
export const ALL_CHANNEL = '{c}:all';

export function channelOf(incarnation: string, epoch = ''): string {
  return `{c}:v:${epoch}${incarnation}`;
}
