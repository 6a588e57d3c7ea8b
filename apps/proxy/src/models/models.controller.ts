import { Controller, Param } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { Caller, Handles, visibleModels } from '#libs/rbac';
import { Catalogue } from '#libs/routing';

/** One entry of `/v1/models`, as OpenAI's clients read it. */
interface ModelEntry {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

/** The same moment for every model: the contract's constant, which clients sort by and nobody reads. */
const CREATED = 1_677_610_602;

/** The models a caller could call: exactly those a completion would be admitted for. */
@Controller()
export class ModelsController {
  constructor(private readonly catalogue: Catalogue) {}

  @Handles('GET /v1/models', 'GET /models')
  list(@Caller() principal: Principal): { data: ModelEntry[]; object: 'list' } {
    return { data: this.#visible(principal).map(entryOf), object: 'list' };
  }

  /** A model the caller may not use and one that does not exist are answered alike. */
  @Handles('GET /v1/models/{id}', 'GET /models/{id}')
  get(@Caller() principal: Principal, @Param('id') id: string): ModelEntry {
    if (!this.#visible(principal).includes(id)) {
      throw new GatewayError('request.not_found', 'This model does not exist, or you may not use it.', {
        param: 'model',
      });
    }
    return entryOf(id);
  }

  #visible(principal: Principal): string[] {
    const entries = this.catalogue.groups().map(({ name, aliasOf, deployments }) => ({
      name,
      resolvedGroup: aliasOf ?? name,
      accessGroups: deployments[0]?.accessGroups ?? [],
      deployments,
    }));
    return visibleModels(principal, entries);
  }
}

function entryOf(id: string): ModelEntry {
  return { id, object: 'model', created: CREATED, owned_by: 'openai' };
}
