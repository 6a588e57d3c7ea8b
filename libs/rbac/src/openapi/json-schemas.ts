import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/**
 * Schemas of the product as JSON Schema (2020-12, what OpenAPI 3.1 speaks). Those that carry a name (`.meta({ id })`) are
 * written once, in `components`, and pointed to.
 */
export class JsonSchemas {
  readonly components: Record<string, JsonSchema> = {};

  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const {
      $schema: _,
      $defs = {},
      ...own
    } = z.toJSONSchema(schema, {
      io,
      // A check or a transformation that JSON Schema cannot say leaves its place open, not the document unwritten.
      unrepresentable: 'any',
    }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    for (const [name, definition] of Object.entries($defs)) this.#keep(name, definition);
    return typeof own['id'] === 'string' ? this.#keep(own['id'], own) : (pointed(own) as JsonSchema);
  }

  #keep(name: string, { id: _, ...definition }: JsonSchema): JsonSchema {
    this.components[name] = pointed(definition) as JsonSchema;
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** Local definitions live in the document's components. */
function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === '$ref' && typeof inner === 'string'
        ? inner.replace('#/$defs/', '#/components/schemas/')
        : pointed(inner),
    ]),
  );
}
