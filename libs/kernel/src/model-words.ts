/** Words in lists of models that are no models' names (contract/auth 6.7). */

/** Whatever the proxy has. */
export const ALL_MODELS = 'all-proxy-models';
/** On a key: whatever its team has. */
export const TEAM_MODELS = 'all-team-models';
/** Nobody's model has this name, so that it grants nothing, where an empty list would grant everything. */
export const NO_MODELS = 'no-default-models';

/** Whether the word lifts every restriction of its list. */
export function grantsEverything(word: string): boolean {
  return word === '*' || word === ALL_MODELS;
}
