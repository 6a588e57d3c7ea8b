import { Injectable } from '@nestjs/common';
import { type DeploymentPrice, PriceBook } from '#libs/budget';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { decideModelAccess } from '#libs/rbac';
import { Catalogue, compileDeployments, type Deployment } from '#libs/routing';
import { seesEverything } from '#libs/tenancy';

/** A model with today's price. */
export interface QuotedModel {
  readonly deployment: Deployment;
  readonly rates: NonNullable<ReturnType<DeploymentPrice['ratesAt']>>;
  /** The same without the operator's margin: what the margin is, is the difference. */
  readonly beforeMargin: QuotedModel['rates'];
}

/** Prices of models by name: a model of the caller's by its own price, any other by the published list. */
@Injectable()
export class QuotedModels {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly prices: PriceBook,
    private readonly clock: Clock,
  ) {}

  /** Undefined where nobody knows a price. */
  find(caller: Principal, model: string): QuotedModel | undefined {
    const deployment = this.#deploymentOf(caller, model);
    if (deployment === undefined) return undefined;
    const now = this.clock.nowMs();
    const price = this.prices.priceOf(deployment, realName(deployment, model));
    const rates = price.ratesAt(now);
    return rates && { deployment, rates, beforeMargin: price.before?.discountedAt(now) ?? rates };
  }

  /** Throws `request.invalid` (400), as `/spend/calculate` does. */
  get(caller: Principal, model: string): QuotedModel {
    const found = this.find(caller, model);
    if (found) return found;
    throw new GatewayError('request.invalid', `No price is known for model ${model}.`, { param: 'model' });
  }

  #deploymentOf(caller: Principal, model: string): Deployment | undefined {
    const found = this.catalogue.resolve(model, caller.team?.id);
    const mayUse =
      found !== undefined &&
      (seesEverything(caller) ||
        decideModelAccess(caller, {
          requestedModel: model,
          resolvedGroup: found.group,
          accessGroups: found.accessGroups,
          deployments: found.deployments,
          ownerTeamId: found.teamId,
        }).allowed);
    if (mayUse && found.deployments[0] !== undefined) return found.deployments[0];
    const listed = [{ modelName: model, params: { model, mock_response: '-' }, info: {}, path: 'model' }];
    return compileDeployments(listed, () => undefined).deployments[0];
  }
}

/** A wildcard's price is that of the name it stands for. */
function realName({ group, upstreamModel }: Deployment, model: string): string {
  return upstreamModel.includes('*') ? model.slice(group.indexOf('*')) : upstreamModel;
}
