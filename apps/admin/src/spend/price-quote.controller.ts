import { HttpCode } from '@nestjs/common';
import { costOf, countTokens, PriceBook } from '#libs/budget';
import { Clock, GatewayError, NO_USAGE, type Principal, type Usage, usdNumber } from '#libs/kernel';
import { Answers, Caller, decideModelAccess, Handles } from '#libs/rbac';
import { Catalogue, compileDeployments, type Deployment } from '#libs/routing';
import { seesEverything } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';

/** More text is a benchmark of the tokenizer. */
const MOST_TEXT = 1_000_000;

const tokens = z.number().int().min(0).nullable().optional();
const quoteBody = z.object({
  model: name.nullable().optional(),
  messages: z.array(z.looseObject({})).max(10_000).nullable().optional(),
  completion_response: z
    .looseObject({
      model: name.optional(),
      usage: z
        .looseObject({
          prompt_tokens: tokens,
          completion_tokens: tokens,
          prompt_tokens_details: z.looseObject({ cached_tokens: tokens }).nullable().optional(),
          completion_tokens_details: z.looseObject({ reasoning_tokens: tokens }).nullable().optional(),
        })
        .optional(),
    })
    .nullable()
    .optional(),
});
type QuoteBody = z.output<typeof quoteBody>;

/** What a call would cost, or did. */
@AdminController()
export class PriceQuoteController {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly prices: PriceBook,
    private readonly clock: Clock,
  ) {}

  /** From messages, their input; from an answer, the usage it reports. A model of the caller's goes by its own price, any other by the published list. */
  @Handles('POST /spend/calculate')
  @Answers('Says what a call costs, from its messages or its answer', z.object({ cost: z.number() }))
  @HttpCode(200)
  async quote(
    @Caller() caller: Principal,
    @AdminBody({ schema: quoteBody }) body: QuoteBody,
  ): Promise<{ cost: number }> {
    const model = body.model || body.completion_response?.model;
    if (!model || (!body.messages && !body.completion_response)) {
      throw new GatewayError('request.bad_field', 'Send model and messages, or completion_response.', {
        param: 'model',
      });
    }
    const deployment = this.#deploymentOf(caller, model);
    const rates =
      deployment && this.prices.priceOf(deployment, realName(deployment, model)).ratesAt(this.clock.nowMs());
    if (!rates) {
      throw new GatewayError('request.invalid', `No price is known for model ${model}.`, { param: 'model' });
    }
    const usage = body.completion_response
      ? usageOf(body.completion_response)
      : await inputOf(body.messages ?? [], model);
    return { cost: usdNumber(costOf(rates, usage).totalNanoUsd) };
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

function usageOf({ usage }: NonNullable<QuoteBody['completion_response']>): Usage {
  return {
    ...NO_USAGE,
    inputTokens: usage?.prompt_tokens ?? 0,
    outputTokens: usage?.completion_tokens ?? 0,
    cacheReadTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    reasoningTokens: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

async function inputOf(messages: readonly object[], model: string): Promise<Usage> {
  const text = JSON.stringify(messages);
  if (text.length > MOST_TEXT)
    throw new GatewayError('request.bad_field', 'The messages are too long to be counted here.', {
      param: 'messages',
    });
  return { ...NO_USAGE, inputTokens: await countTokens(text, model), source: 'estimated' };
}
