import { countTokens } from '#libs/budget';
import { GatewayError } from '#libs/kernel';
import type { Asked } from './entrance.js';
import type { Plan } from './plan.js';

/**
 * Refuses a call whose input and output cap together cannot fit the model's context (400, before the call), which the
 * provider would refuse after it. The byte bound clears nearly every call; only past it is the text counted.
 */
export function assertFitsContext(asked: Asked, plan: Plan): Promise<void> | undefined {
  const window = widestWindow(plan);
  const { inputTokenBound, maxOutputTokens = 0 } = asked.facts;
  // An opaque part cannot be counted here; the provider knows.
  if (
    window === undefined ||
    !Number.isFinite(inputTokenBound) ||
    inputTokenBound + maxOutputTokens <= window
  )
    return undefined;
  if (maxOutputTokens > window) throw tooLong(window, `max_tokens is ${maxOutputTokens}`);
  return assertCountedFits(asked, window, maxOutputTokens);
}

async function assertCountedFits(asked: Asked, window: number, maxOutputTokens: number): Promise<void> {
  const inputTokens = await countTokens(textOf(asked.body.json), asked.facts.requestedModel);
  if (inputTokens + maxOutputTokens <= window) return;
  throw tooLong(
    window,
    `the input has about ${inputTokens} tokens and max_tokens is ${maxOutputTokens || 'not set'}`,
  );
}

function tooLong(window: number, why: string): GatewayError {
  return new GatewayError(
    'request.context_window_exceeded',
    `ContextWindowExceededError: this model's context is ${window} tokens, but ${why}.`,
    { param: 'messages' },
  );
}

/** Of several candidates the widest decides: one that can take it is enough. */
function widestWindow(plan: Plan): number | undefined {
  let widest = 0;
  for (const { contextWindow } of plan.candidates) {
    if (contextWindow === undefined) return undefined;
    widest = Math.max(widest, contextWindow);
  }
  return widest;
}

/** Only what the model reads as text: a lower bound, so that nothing that fits is refused. */
function textOf(json: Readonly<Record<string, unknown>>): string {
  const texts: string[] = [];
  collect(json['messages'] ?? json['input'] ?? json['prompt'], texts);
  collect(json['system'], texts);
  return texts.join('\n');
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, texts);
  else if (typeof value === 'object' && value !== null) {
    const { content, text } = value as { content?: unknown; text?: unknown };
    collect(content, texts);
    collect(text, texts);
  }
}
