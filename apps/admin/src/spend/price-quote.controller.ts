import { HttpCode } from '@nestjs/common';
import { costOf, countTokens } from '#libs/budget';
import { GatewayError, NO_USAGE, type Principal, type Usage, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminBody, AdminController } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { QuotedModels } from './quoted-models.js';

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
  constructor(private readonly models: QuotedModels) {}

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
    const { rates } = this.models.get(caller, model);
    const usage = body.completion_response
      ? usageOf(body.completion_response)
      : await inputOf(body.messages ?? [], model);
    return { cost: usdNumber(costOf(rates, usage).totalNanoUsd) };
  }
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
