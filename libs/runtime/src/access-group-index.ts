import { Injectable } from '@nestjs/common';
import type { AccessGroup } from '#libs/database';
import type { Scope } from '#libs/kernel';

interface Assigned {
  readonly groups: AccessGroup[];
  /** Undefined: none of the groups has models. */
  models: readonly string[] | undefined;
}

const NONE: readonly AccessGroup[] = [];

/** Which access groups teams, users and keys have, and the models that come with them, as of the last change. For calls asked only when a list has refused. */
@Injectable()
export class AccessGroupIndex {
  #assigned: ReadonlyMap<string, Assigned> = new Map();
  #all: readonly AccessGroup[] = NONE;

  /** What it was last replaced by: the same array until the next change. */
  get all(): readonly AccessGroup[] {
    return this.#all;
  }

  /** All of them at once: whoever reads sees the ones before, or these. */
  replace(groups: readonly AccessGroup[]): void {
    this.#all = groups;
    const assigned = new Map<string, Assigned>();
    const add = (scope: string, group: AccessGroup): void => {
      const known = assigned.get(scope);
      // An empty list means "everything" in a grant. A group without models gives nothing.
      const models = group.models.length === 0 ? undefined : group.models;
      if (known === undefined) {
        assigned.set(scope, { groups: [group], models });
        return;
      }
      known.groups.push(group);
      if (models !== undefined) known.models = [...(known.models ?? []), ...models];
    };
    for (const group of groups) {
      for (const id of group.keyIds) add(`key:${id}`, group);
      for (const id of group.teamIds) add(`team:${id}`, group);
      for (const id of group.userIds) add(`user:${id}`, group);
    }
    this.#assigned = assigned;
  }

  /** Models that access groups give the scope; undefined when it has no group that gives any. One look-up. */
  modelsOf({ type, id }: Scope): readonly string[] | undefined {
    return this.#assigned.size === 0 ? undefined : this.#assigned.get(`${type}:${id}`)?.models;
  }

  /** The groups of a team, a user or a key, to be shown. */
  groupsOf({ type, id }: Scope): readonly AccessGroup[] {
    return this.#assigned.get(`${type}:${id}`)?.groups ?? NONE;
  }
}
