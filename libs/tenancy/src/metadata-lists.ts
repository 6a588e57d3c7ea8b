type Metadata = Readonly<Record<string, unknown>>;

interface ListChange {
  readonly metadata?: Metadata | undefined;
  readonly allowedPassThrough?: readonly string[] | null | undefined;
  readonly deniedPassThrough?: readonly string[] | null | undefined;
  readonly requiredParams?: readonly string[] | null | undefined;
}

const MEMBERS = {
  allowed_passthrough_routes: 'allowedPassThrough',
  denied_passthrough_routes: 'deniedPassThrough',
  enforced_params: 'requiredParams',
} as const;

/**
 * The metadata after a change, with the lists that the contract keeps in it (auth 6.8, admin-api 1.1): they are settings of
 * their own, so what replaces the other metadata leaves them. Undefined: nothing changes.
 */
export function metadataWith(change: ListChange, current: Metadata): Record<string, unknown> | undefined {
  const says = Object.values(MEMBERS).some((setting) => change[setting] !== undefined);
  if (change.metadata === undefined && !says) return undefined;
  const metadata: Record<string, unknown> = { ...(change.metadata ?? current) };
  for (const [member, setting] of Object.entries(MEMBERS)) {
    const wanted = change[setting] === undefined ? current[member] : change[setting];
    if (Array.isArray(wanted) && wanted.length > 0) metadata[member] = wanted;
    else delete metadata[member];
  }
  return metadata;
}
