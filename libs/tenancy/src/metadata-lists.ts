type Metadata = Readonly<Record<string, unknown>>;

interface ListChange {
  readonly metadata?: Metadata | undefined;
  readonly allowedPassThrough?: readonly string[] | null | undefined;
  readonly deniedPassThrough?: readonly string[] | null | undefined;
  readonly requiredParams?: readonly string[] | null | undefined;
  readonly budgetFallbacks?: Readonly<Record<string, readonly string[]>> | null | undefined;
  readonly usualOutputTokens?: number | null | undefined;
  readonly modelUsualOutputTokens?: Readonly<Record<string, number>> | null | undefined;
}

const MEMBERS = {
  allowed_passthrough_routes: 'allowedPassThrough',
  denied_passthrough_routes: 'deniedPassThrough',
  enforced_params: 'requiredParams',
  budget_fallbacks: 'budgetFallbacks',
  default_estimated_output_tokens: 'usualOutputTokens',
  default_estimated_output_tokens_per_model: 'modelUsualOutputTokens',
} as const;

/**
 * The metadata after a change, with the settings that the contract keeps in it (auth 6.8, admin-api 1.1): they are settings of
 * their own, so what replaces the other metadata leaves them. Undefined: nothing changes.
 */
export function metadataWith(change: ListChange, current: Metadata): Record<string, unknown> | undefined {
  const isNamed = Object.values(MEMBERS).some((setting) => change[setting] !== undefined);
  if (change.metadata === undefined && !isNamed) return undefined;
  const metadata: Record<string, unknown> = { ...(change.metadata ?? current) };
  for (const [member, setting] of Object.entries(MEMBERS)) {
    const wanted = change[setting] === undefined ? current[member] : change[setting];
    if (says(wanted)) metadata[member] = wanted;
    else delete metadata[member];
  }
  return metadata;
}

function says(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return typeof value === 'number';
}

/** A merge patch of one level (RFC 7396): what is null goes, what is not named stays, and nested documents are replaced whole. */
export function mergedMetadata(before: Metadata, change: Metadata): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null));
}
