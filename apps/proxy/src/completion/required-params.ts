import type { CallFacts } from '#libs/kernel';
import type { CallHeaders } from './call-headers.js';

type Json = Readonly<Record<string, unknown>>;

/** What of a call can hold a member that is asked for. */
export interface Said {
  readonly json: Json;
  readonly facts: Pick<CallFacts, 'customerId'>;
  readonly headers: Pick<CallHeaders, 'tags'>;
}

/**
 * The first of these paths that the call says nothing at; undefined when all are there. Null and the empty text say nothing.
 * What has a header of its own counts when it came there: the customer as `user`, tags as `tags` and `metadata.tags`; a model
 * may stand in the path.
 */
export function missingParam(paths: readonly string[], said: Said): string | undefined {
  return paths.find((path) => !isSaidElsewhere(path, said) && !isSaid(said.json, path));
}

function isSaid(json: Json, path: string): boolean {
  let value: unknown = json;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Json)[name];
  }
  return value !== null && value !== '';
}

function isSaidElsewhere(path: string, { facts, headers }: Said): boolean {
  switch (path) {
    case 'model':
      return true;
    case 'user':
      return facts.customerId !== undefined;
    case 'tags':
    case 'metadata.tags':
      return headers.tags.length > 0;
    default:
      return false;
  }
}
