/** A column whose values are sealed. `rowId` is the SQL of what names a row. */
export interface SecretColumn {
  readonly table: string;
  readonly column: string;
  readonly rowId: string;
}

/** Every column of the schema that holds secrets. What is not listed here is neither rotated nor checked: a test compares. */
export const SECRET_COLUMNS = {
  modelSecrets: { table: 'proxy_models', column: 'secrets', rowId: 'id' },
  credentialSecrets: { table: 'credentials', column: 'secrets', rowId: 'id' },
  settingSecret: { table: 'config_settings', column: 'secret', rowId: "section || '.' || field" },
  endpointSecrets: { table: 'pass_through_endpoints', column: 'secrets', rowId: 'id' },
  keySuccessor: { table: 'key_graces', column: 'successor', rowId: 'token_hash' },
} as const satisfies Record<string, SecretColumn>;

export type SecretColumnName = keyof typeof SECRET_COLUMNS;

/** Where a value belongs: bound into its ciphertext. */
export function placeOf({ table, column }: SecretColumn, rowId: string): string {
  return `${table}.${column}:${rowId}`;
}
