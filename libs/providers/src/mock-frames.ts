import type { Endpoint } from '#libs/kernel';
import { type MockAnswer, openAiUsageOf, outputItem, responseObject } from './mock-answer.js';

/** Enough to look like a stream, few enough to stay cheap. */
const PIECES = 8;

/** The stream's frames in the endpoint's own shape; the last one is the stream's end. */
export function answerFrames(endpoint: Endpoint, answer: MockAnswer, withUsage: boolean): string[] {
  if (endpoint === 'messages') return messageFrames(answer);
  if (endpoint === 'responses') return responseFrames(answer);
  return chunkFrames(endpoint, answer, withUsage);
}

function piecesOf(text: string): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / PIECES));
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += size) pieces.push(characters.slice(at, at + size).join(''));
  return pieces;
}

function chunkFrames(endpoint: Endpoint, answer: MockAnswer, withUsage: boolean): string[] {
  const isChat = endpoint === 'chat';
  const head = {
    id: `${isChat ? 'chatcmpl' : 'cmpl'}-${answer.id}`,
    object: isChat ? 'chat.completion.chunk' : 'text_completion',
    created: answer.createdS,
    model: answer.model,
  };
  const frames: string[] = [];
  const emit = (
    index: number,
    delta: Record<string, unknown>,
    text: string,
    finish_reason: string | null,
  ): void => {
    const choice = isChat
      ? { index, delta, logprobs: null, finish_reason }
      : { index, text, logprobs: null, finish_reason };
    frames.push(data({ ...head, choices: [choice], ...(withUsage ? { usage: null } : {}) }));
  };
  for (let index = 0; index < answer.choices; index += 1) {
    if (isChat) emit(index, { role: 'assistant', content: '' }, '', null);
    for (const piece of piecesOf(answer.text)) emit(index, { content: piece }, piece, null);
    emit(index, {}, '', answer.isCut ? 'length' : 'stop');
  }
  if (withUsage) frames.push(data({ ...head, choices: [], usage: openAiUsageOf(answer) }));
  frames.push('data: [DONE]\n\n');
  return frames;
}

function messageFrames(answer: MockAnswer): string[] {
  const message = {
    id: `msg_${answer.id}`,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: answer.inputTokens, output_tokens: 1 },
  };
  return [
    named({ type: 'message_start', message }),
    named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ...piecesOf(answer.text).map((text) =>
      named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    ),
    named({ type: 'content_block_stop', index: 0 }),
    named({
      type: 'message_delta',
      delta: { stop_reason: answer.isCut ? 'max_tokens' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: answer.outputTokens },
    }),
    named({ type: 'message_stop' }),
  ];
}

function responseFrames(answer: MockAnswer): string[] {
  const status = answer.isCut ? 'incomplete' : 'completed';
  const item = outputItem(answer, status, answer.text);
  const part = { type: 'output_text', text: answer.text, annotations: [] };
  const where = { item_id: `msg_${answer.id}`, output_index: 0, content_index: 0 };
  const events: { type: string; [name: string]: unknown }[] = [
    { type: 'response.created', response: responseObject(answer, 'in_progress', '') },
    { type: 'response.in_progress', response: responseObject(answer, 'in_progress', '') },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...where, part: { ...part, text: '' } },
    ...piecesOf(answer.text).map((delta) => ({ type: 'response.output_text.delta', ...where, delta })),
    { type: 'response.output_text.done', ...where, text: answer.text },
    { type: 'response.content_part.done', ...where, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: `response.${status}`, response: responseObject(answer, status, answer.text) },
  ];
  return events.map((event, sequence_number) => named({ ...event, sequence_number }));
}

function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function named(value: { type: string; [name: string]: unknown }): string {
  return `event: ${value.type}\n${data(value)}`;
}
