import type { Ask } from './fake-behaviour.js';

/** A call that the fake model makes of one of the tools it was offered; `pieces` joined are its arguments, as JSON. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly pieces: readonly [string, string];
}

type Json = Readonly<Record<string, unknown>>;

/**
 * What a model that does as it is told would call: the tool it must call, each tool that the last message of a user names
 * (in parallel), or none; and none where the last word is a tool's own answer.
 */
export function toolCallsOf(ask: Ask): ToolCall[] {
  const tools = toolsOf(ask.json);
  const names = namesToCall(ask.json, [...tools.keys()]);
  return names.map((name, at) => {
    const args = JSON.stringify(sampleOf(tools.get(name)));
    const middle = args.length >> 1;
    return { id: `call_fake_${at}`, name, pieces: [args.slice(0, middle), args.slice(middle)] };
  });
}

/** The text that `response_format`, `text.format` or `output_config.format` asks for, or undefined. */
export function structuredText({ json }: Ask): string | undefined {
  const text = json.text as { format?: Json } | undefined;
  const config = json.output_config as { format?: Json } | undefined;
  const format = (json.response_format ?? text?.format ?? config?.format ?? json.output_format) as
    Json | undefined;
  if (format?.type === 'json_object') return '{}';
  if (format?.type !== 'json_schema') return undefined;
  const named = format.json_schema as Json | undefined;
  return JSON.stringify(sampleOf((named?.schema ?? format.schema) as Json | undefined));
}

/** Name to the schema of its arguments, in each API's way of offering. */
function toolsOf(json: Json): Map<string, Json | undefined> {
  const tools = new Map<string, Json | undefined>();
  for (const tool of (json.tools ?? []) as Json[]) {
    const { name, parameters, input_schema } = (tool.function ?? tool) as Json;
    if (typeof name === 'string') tools.set(name, (parameters ?? input_schema) as Json | undefined);
  }
  return tools;
}

function namesToCall(json: Json, offered: readonly string[]): string[] {
  const choice = json.tool_choice;
  if (offered.length === 0 || choice === 'none') return [];
  if (typeof choice === 'object' && choice !== null) {
    const {
      type,
      name,
      function: named,
    } = choice as { type?: string; name?: string; function?: { name: string } };
    const forced = named?.name ?? name;
    if (forced !== undefined) return [forced];
    if (type === 'none') return [];
    if (type === 'any') return offered.slice(0, 1);
  }
  if (choice === 'required') return offered.slice(0, 1);
  const said = (json.messages ?? json.input) as Json[] | string | undefined;
  const last = Array.isArray(said) ? said.at(-1) : { role: 'user', content: said };
  if (last?.role !== 'user' || JSON.stringify(last).includes('"tool_result"')) return [];
  const text = JSON.stringify(last.content);
  return offered.filter((name) => text.includes(name));
}

/** The smallest value that a JSON schema admits, as far as clients' schemas go. */
export function sampleOf(schema: Json | undefined, root: Json = schema ?? {}): unknown {
  if (schema === undefined) return {};
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.split('/').at(-1) ?? '';
    const defined = (root.$defs ?? root.definitions ?? {}) as Record<string, Json>;
    return sampleOf(defined[name], root);
  }
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const choices = (schema.anyOf ?? schema.oneOf ?? schema.allOf) as Json[] | undefined;
  if (choices) return sampleOf(choices[0], root);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'string') return 'Paris';
  if (type === 'integer' || type === 'number') return 21;
  if (type === 'boolean') return true;
  if (type === 'array') return [sampleOf(schema.items as Json | undefined, root)];
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
  return Object.fromEntries(properties.map(([name, one]) => [name, sampleOf(one, root)]));
}
