import type { ParseArgsConfig } from 'node:util';

/** Every flag there is; `flags.ts` says which command takes which. */
export const FLAGS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  'data-dir': { type: 'string' },
  role: { type: 'string' },
  production: { type: 'boolean' },
  database: { type: 'string' },
  export: { type: 'string' },
  out: { type: 'string' },
  'public-key': { type: 'string' },
  user: { type: 'string' },
  customer: { type: 'string' },
  key: { type: 'string' },
  model: { type: 'string' },
  route: { type: 'string' },
  team: { type: 'string' },
  organization: { type: 'string' },
  tokens: { type: 'string' },
  ip: { type: 'string' },
  check: { type: 'boolean' },
  url: { type: 'string' },
  output: { type: 'string', short: 'o' },
  file: { type: 'string' },
  all: { type: 'boolean' },
  from: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'salt-key-env': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const satisfies ParseArgsConfig['options'];

export type Flag = keyof typeof FLAGS;

/** What a command line may say, by the names of its flags. */
export type CommandOptions = {
  readonly [Name in Exclude<Flag, 'help' | 'version'>]?: (typeof FLAGS)[Name]['type'] extends 'boolean'
    ? boolean
    : string;
};
