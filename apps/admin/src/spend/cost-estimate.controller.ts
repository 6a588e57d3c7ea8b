import { HttpCode } from '@nestjs/common';
import { type Cost, costOf } from '#libs/budget';
import { NO_USAGE, type Principal, type Usage, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminBody, AdminController } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { dollarsOf } from '../models/model-answers.js';
import { QuotedModels } from './quoted-models.js';

const tokens = z.int().min(0).max(1_000_000_000);
const times = z.int().min(0).max(1_000_000_000).nullable().optional();
const estimateBody = z.object({
  model: name,
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_input_tokens: tokens.default(0),
  cache_creation_input_tokens: tokens.default(0),
  reasoning_tokens: tokens.default(0),
  num_requests_per_day: times,
  num_requests_per_month: times,
});
type EstimateBody = z.output<typeof estimateBody>;

/** Dollars, in the order of a quote: whole, input, output, margin. */
interface Lines {
  readonly total: number;
  readonly input: number;
  readonly output: number;
  readonly margin: number;
}

/** What calls would cost. */
@AdminController()
export class CostEstimateController {
  constructor(private readonly models: QuotedModels) {}

  /** By the very arithmetic that charges a call, the operator's discount and margin included. */
  @Handles('POST /cost/estimate')
  @Answers(
    'Estimates what calls of a given size cost, each, by the day and by the month',
    z.looseObject({ model: z.string(), cost_per_request: z.number() }),
  )
  @HttpCode(200)
  estimate(@Caller() caller: Principal, @AdminBody({ schema: estimateBody }) body: EstimateBody): object {
    const { rates, beforeMargin, deployment } = this.models.get(caller, body.model);
    const usage = usageOf(body);
    const each = linesOf(costOf(rates, usage), costOf(beforeMargin, usage));
    const [tier] = rates.tiers;
    return {
      ...body,
      num_requests_per_day: body.num_requests_per_day ?? null,
      num_requests_per_month: body.num_requests_per_month ?? null,
      cost_per_request: each.total,
      input_cost_per_request: each.input,
      output_cost_per_request: each.output,
      margin_cost_per_request: each.margin,
      ...timesOf('daily', each, body.num_requests_per_day),
      ...timesOf('monthly', each, body.num_requests_per_month),
      input_cost_per_token: dollarsOf(rates, tier?.input),
      output_cost_per_token: dollarsOf(rates, tier?.output),
      cache_read_input_token_cost: dollarsOf(rates, tier?.cacheRead),
      cache_creation_input_token_cost: dollarsOf(rates, tier?.cacheWrite),
      output_cost_per_reasoning_token: dollarsOf(rates, tier?.reasoning),
      provider: deployment.provider,
    };
  }
}

function usageOf(body: EstimateBody): Usage {
  return {
    ...NO_USAGE,
    inputTokens: body.input_tokens,
    outputTokens: body.output_tokens,
    cacheReadTokens: body.cache_read_input_tokens,
    cacheWriteTokens: body.cache_creation_input_tokens,
    reasoningTokens: body.reasoning_tokens,
    source: 'estimated',
  };
}

function linesOf(cost: Cost, beforeMargin: Cost): Lines {
  return {
    total: usdNumber(cost.totalNanoUsd),
    input: usdNumber(cost.inputNanoUsd),
    output: usdNumber(cost.outputNanoUsd),
    margin: usdNumber(cost.totalNanoUsd - beforeMargin.totalNanoUsd),
  };
}

function timesOf(span: 'daily' | 'monthly', each: Lines, count: number | null | undefined): object {
  const times = (dollars: number): number | null =>
    count ? Number((dollars * count).toPrecision(15)) : null;
  return {
    [`${span}_cost`]: times(each.total),
    [`${span}_input_cost`]: times(each.input),
    [`${span}_output_cost`]: times(each.output),
    [`${span}_margin_cost`]: times(each.margin),
  };
}
