import { DefaultNamingStrategy, type ValueTransformer } from 'typeorm';

/** PostgreSQL's bigint as a bigint: the driver hands over strings, because a double cannot hold 64 bits. */
export const bigintColumn: ValueTransformer = {
  from: (stored: string | number | bigint | null | undefined) =>
    stored === null || stored === undefined ? stored : BigInt(stored),
  to: (value: bigint | null | undefined) =>
    value === null || value === undefined ? value : value.toString(),
};

/** Nano-dollars (`NanoUsd`), stored as bigint: nine billion dollars fit. The one transformer for money. */
export const nanoUsdColumn: ValueTransformer = bigintColumn;

/** PostgreSQL's bigint as a number, for counts that stay below 2^53 (tokens, requests); throws instead of rounding. */
export const countColumn: ValueTransformer = {
  from: (stored: string | number | null | undefined) => {
    if (stored === null || stored === undefined) return stored;
    const count = Number(stored);
    if (!Number.isSafeInteger(count))
      throw new RangeError('a stored count is larger than a double can hold exactly');
    return count;
  },
  to: (value: number | null | undefined) => value,
};

/** Properties are camelCase, columns snake_case, and nothing else is renamed. */
export class SnakeCaseColumns extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string, embeddedPrefixes: string[]): string {
    return [...embeddedPrefixes, customName || propertyName].map(toSnakeCase).join('_');
  }
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
