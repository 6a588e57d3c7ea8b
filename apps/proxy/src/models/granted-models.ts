import { Injectable } from '@nestjs/common';
import type { Principal } from '#libs/kernel';
import { assertModelAllowed, decideModelAccess } from '#libs/rbac';
import { Catalogue, modelUnknown, type Resolution } from '#libs/routing';
import { AccessGroupIndex } from '#libs/runtime';

/** What model names mean to a caller, as far as its grants go. */
@Injectable()
export class GrantedModels {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly accessGroups: AccessGroupIndex,
  ) {}

  /** The model's deployments. A name the grants refuse is refused before it is said whether it exists. Costs a look-up in the catalogue and a walk along the lists. */
  resolve(principal: Principal, requestedModel: string): Resolution {
    const target = Object.hasOwn(principal.modelAliases, requestedModel)
      ? (principal.modelAliases[requestedModel] ?? requestedModel)
      : requestedModel;
    const resolution = this.catalogue.resolve(target, principal.team?.id);
    const decision = decideModelAccess(
      principal,
      {
        requestedModel,
        resolvedGroup: resolution?.group ?? target,
        accessGroups: resolution?.accessGroups ?? NONE,
        deployments: resolution?.deployments ?? [],
        ownerTeamId: resolution?.teamId,
      },
      this.accessGroups,
    );
    if (!decision.allowed) assertModelAllowed(decision);
    else if (decision.through !== undefined && resolution) return resolution.within(decision.through);
    if (!resolution) throw modelUnknown(requestedModel);
    return resolution;
  }
}

const NONE: readonly string[] = Object.freeze([]);
