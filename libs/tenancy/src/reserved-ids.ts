/** Ids that LiteLLM's clients and databases know, and that nobody's rows may have. */

/** Whose the master key is, in every row that names its maker. */
export const MASTER_USER_ID = 'default_user_id';
/** The team of the keys that are sessions of the console: no team, and none of its keys is anybody's to manage. */
export const CONSOLE_TEAM_ID = 'litellm-dashboard';
/** The user that LiteLLM counts the whole proxy's spend under. */
const PROXY_USER_ID = 'litellm-proxy-budget';

export const RESERVED_IDS: ReadonlySet<string> = new Set([MASTER_USER_ID, CONSOLE_TEAM_ID, PROXY_USER_ID]);
