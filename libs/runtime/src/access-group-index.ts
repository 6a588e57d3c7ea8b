import { Injectable } from '@nestjs/common';
import type { AccessGroup } from '#libs/database';
import type { Scope } from '#libs/kernel';

/** Which models access groups give to which teams and keys, as of the last change. Asked only when a list has refused. */
@Injectable()
export class AccessGroupIndex {
  #models: ReadonlyMap<string, readonly string[]> = new Map();

  replace(groups: readonly AccessGroup[]): void {
    const models = new Map<string, string[]>();
    const add = (scope: string, names: readonly string[]): void => {
      const known = models.get(scope);
      if (known) known.push(...names);
      else models.set(scope, [...names]);
    };
    for (const group of groups) {
      // An empty list means "everything" in a grant. A group without models gives nothing.
      if (group.models.length === 0) continue;
      for (const id of group.keyIds) add(`key:${id}`, group.models);
      for (const id of group.teamIds) add(`team:${id}`, group.models);
    }
    this.#models = models;
  }

  modelsOf({ type, id }: Scope): readonly string[] | undefined {
    return this.#models.size === 0 ? undefined : this.#models.get(`${type}:${id}`);
  }
}
