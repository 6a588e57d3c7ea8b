import { Body, Controller, HttpCode } from '@nestjs/common';
import { countTokens } from '#libs/budget';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles, noteBody } from '#libs/rbac';
import { z } from 'zod';
import { GrantedModels } from '../models/granted-models.js';
import { type Countable, countableOf } from './countable-text.js';

/** Longer texts are counted this far and scaled: who counts a book must not keep the process from answering. */
const COUNTED_CHARACTERS = 1_000_000;

const model = z.string().min(1).max(256);
const messages = z.array(z.looseObject({})).max(100_000);
const tokenBody = z.looseObject({
  model,
  messages: messages.nullish(),
  prompt: z.union([z.string(), z.array(z.string())]).nullish(),
  tools: z.array(z.unknown()).nullish(),
});
const messageBody = z.looseObject({
  model,
  messages: messages.min(1),
  system: z.union([z.string(), z.array(z.looseObject({}))]).nullish(),
  tools: z.array(z.unknown()).nullish(),
});

const inputBody = z.looseObject({
  model,
  input: z.union([z.string(), messages]).nullish(),
  instructions: z.string().nullish(),
  tools: z.array(z.unknown()).nullish(),
});

/** Counts the tokens of a request that nobody sends. Asks no provider, so it costs nothing; the models are those the caller may call. */
@Controller()
export class TokensController {
  constructor(private readonly models: GrantedModels) {}

  @Handles('POST /utils/token_counter')
  @Answers(
    'Counts the tokens of messages or of a prompt',
    z.object({
      total_tokens: z.int(),
      request_model: z.string(),
      model_used: z.string(),
      tokenizer_type: z.string(),
    }),
  )
  @HttpCode(200)
  async count(@Caller() caller: Principal, @Body() sent: unknown): Promise<object> {
    const body = parsed(tokenBody, sent);
    if (!body.messages && (body.prompt === undefined || body.prompt === null))
      throw new GatewayError('request.bad_field', 'Send messages or a prompt.', { param: 'messages' });
    const used = this.#modelOf(caller, body.model);
    return {
      total_tokens: await tokensOf(countableOf({ ...body, messages: body.messages ?? undefined }), used),
      request_model: body.model,
      model_used: used,
      tokenizer_type: 'openai_tokenizer',
    };
  }

  /** In Anthropic's shape. */
  @Handles('POST /v1/messages/count_tokens', 'POST /anthropic/v1/messages/count_tokens')
  @Answers('Counts the input tokens of a Messages request', z.object({ input_tokens: z.int() }))
  @HttpCode(200)
  async countMessages(@Caller() caller: Principal, @Body() sent: unknown): Promise<object> {
    const body = parsed(messageBody, sent);
    return { input_tokens: await tokensOf(countableOf(body), this.#modelOf(caller, body.model)) };
  }

  /** In OpenAI's shape for the Responses API. */
  @Handles(
    'POST /v1/responses/input_tokens',
    'POST /responses/input_tokens',
    'POST /openai/v1/responses/input_tokens',
  )
  @Answers(
    'Counts the input tokens of a Responses request',
    z.object({ object: z.literal('response.input_tokens'), input_tokens: z.int() }),
  )
  @HttpCode(200)
  async countInput(@Caller() caller: Principal, @Body() sent: unknown): Promise<object> {
    const { input, instructions, tools, model: asked } = parsed(inputBody, sent);
    const said = typeof input === 'string' ? [{ role: 'user', content: input }] : (input ?? []);
    const counted = countableOf({ system: instructions, messages: said, tools });
    return {
      object: 'response.input_tokens',
      input_tokens: await tokensOf(counted, this.#modelOf(caller, asked)),
    };
  }

  /** What the model's deployments call it. Throws as a completion would. */
  #modelOf(caller: Principal, name: string): string {
    const [deployment] = this.models.resolve(caller, name).deployments;
    if (deployment === undefined || deployment.upstreamModel.includes('*')) return name;
    return deployment.baseModel ?? deployment.upstreamModel;
  }
}

noteBody(TokensController.prototype, 'count', { schema: tokenBody });
noteBody(TokensController.prototype, 'countMessages', { schema: messageBody });
noteBody(TokensController.prototype, 'countInput', { schema: inputBody });

async function tokensOf({ texts, extraTokens }: Countable, name: string): Promise<number> {
  const text = texts.join('\n');
  const counted = await countTokens(text.slice(0, COUNTED_CHARACTERS), name);
  const scale = Math.max(1, text.length / COUNTED_CHARACTERS);
  return Math.ceil(counted * scale) + extraTokens;
}

/** Throws 400 naming the field, and never its value: it is somebody's prompt. */
function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body ?? {}, { reportInput: false });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') || 'body';
  throw new GatewayError('request.invalid', `${field}: ${issue?.message ?? 'not valid'}`, { param: field });
}
