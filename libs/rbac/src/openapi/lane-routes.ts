import { COMPLETION_ROUTES } from '../policy/completions.js';
import { REALTIME_ROUTES } from '../policy/realtime.js';
import { z } from 'zod';
import type { DescribedRoute } from './described-route.js';

/**
 * The completion routes for the documents. They are served past the framework, and their bodies go to the provider as they
 * came: fields that are not named here travel too.
 */
const model = z.string().describe('A model name of GET /v1/models');
const metadata = z.record(z.string(), z.unknown()).optional();
const stream = z.boolean().optional();
const user = z.string().optional().describe('The customer the call is for');

const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() })), z.null()]).optional(),
});
const openAiUsage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

const chat = {
  summary: 'Asks a model to continue a conversation; with `stream` as server-sent events',
  body: z.looseObject({
    model,
    messages: z.array(message).min(1),
    stream,
    max_tokens: z.int().positive().nullable().optional(),
    max_completion_tokens: z.int().positive().nullable().optional(),
    temperature: z.number().nullable().optional(),
    tools: z.array(z.looseObject({ type: z.string() })).optional(),
    user,
    metadata,
  }),
  answer: z.looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({ index: z.int(), message, finish_reason: z.string().nullable().optional() }),
    ),
    usage: openAiUsage.optional(),
  }),
};

const completion = {
  summary: 'Asks a model to continue a text',
  body: z.looseObject({
    model,
    prompt: z.union([z.string(), z.array(z.unknown())]),
    stream,
    max_tokens: z.int().positive().nullable().optional(),
    user,
    metadata,
  }),
  answer: z.looseObject({
    id: z.string(),
    object: z.literal('text_completion'),
    choices: z.array(z.looseObject({ index: z.int(), text: z.string() })),
    usage: openAiUsage.optional(),
  }),
};

const embedding = {
  summary: 'Turns texts into vectors',
  body: z.looseObject({ model, input: z.union([z.string(), z.array(z.unknown())]), user, metadata }),
  answer: z.looseObject({
    object: z.literal('list'),
    data: z.array(z.looseObject({ index: z.int(), embedding: z.union([z.array(z.number()), z.string()]) })),
    model: z.string(),
    usage: z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() }).optional(),
  }),
};

const response = {
  summary: 'Asks a model through the Responses API; with `stream` as server-sent events',
  body: z.looseObject({
    model,
    input: z.union([z.string(), z.array(z.unknown())]),
    stream,
    max_output_tokens: z.int().positive().nullable().optional(),
    user,
    metadata,
  }),
  answer: z.looseObject({
    id: z.string(),
    object: z.literal('response'),
    status: z.string().optional(),
    output: z.array(z.looseObject({ type: z.string() })),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int() }).nullable().optional(),
  }),
};

const anthropicMessage = {
  summary: 'Asks a model through the Messages API of Anthropic; with `stream` as server-sent events',
  body: z.looseObject({
    model,
    messages: z.array(message).min(1),
    max_tokens: z.int().positive(),
    stream,
    system: z.union([z.string(), z.array(z.unknown())]).optional(),
    metadata,
  }),
  answer: z.looseObject({
    id: z.string(),
    type: z.literal('message'),
    role: z.string(),
    content: z.array(z.looseObject({ type: z.string() })),
    stop_reason: z.string().nullable().optional(),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int() }),
  }),
};

type LaneRoute = keyof typeof COMPLETION_ROUTES;

/** A new completion route does not compile before it is told here what it takes. */
const KIND_OF: Readonly<Record<LaneRoute, typeof chat | typeof embedding | typeof response | typeof completion | typeof anthropicMessage>> = {
  'POST /v1/chat/completions': chat,
  'POST /chat/completions': chat,
  'POST /engines/{model}/chat/completions': chat,
  'POST /queue/chat/completions': chat,
  'POST /openai/deployments/{model}/chat/completions': chat,
  'POST /openai/v1/chat/completions': chat,
  'POST /v1/completions': completion,
  'POST /completions': completion,
  'POST /engines/{model}/completions': completion,
  'POST /openai/deployments/{model}/completions': completion,
  'POST /openai/v1/completions': completion,
  'POST /v1/embeddings': embedding,
  'POST /embeddings': embedding,
  'POST /engines/{model}/embeddings': embedding,
  'POST /openai/deployments/{model}/embeddings': embedding,
  'POST /openai/v1/embeddings': embedding,
  'POST /v1/responses': response,
  'POST /responses': response,
  'POST /openai/v1/responses': response,
  'POST /openai/responses': response,
  'POST /openai/deployments/{model}/responses': response,
  'POST /v1/messages': anthropicMessage,
  'POST /anthropic/v1/messages': anthropicMessage,
}; // prettier-ignore

const COMPLETIONS: readonly DescribedRoute[] = Object.entries(KIND_OF).map(([route, kind]) => ({
  route: route as LaneRoute,
  handler: 'the completion lane',
  answer: { summary: kind.summary, schema: kind.answer },
  body: {
    // The model stands in the path here, and the path wins.
    schema: route.includes('{model}') ? kind.body.extend({ model: model.optional() }) : kind.body,
  },
  query: undefined,
  status: 200,
}));

const SESSIONS: readonly DescribedRoute[] = Object.keys(REALTIME_ROUTES).map((route) => ({
  route: route as keyof typeof REALTIME_ROUTES,
  handler: 'the realtime lane',
  answer: { summary: 'Opens a realtime session with a model (WebSocket)', schema: z.never() },
  body: undefined,
  query: z.object({ model }),
  status: 101,
}));

/** What is served past the framework. */
export const LANE_ROUTES: readonly DescribedRoute[] = [...COMPLETIONS, ...SESSIONS];
