/** A team of the identity provider. */
export interface ExternalTeam {
  readonly id: string;
  readonly alias?: string;
  /** Made here when it is not there; otherwise a team that does not exist is passed by. */
  readonly isMade: boolean;
}

/**
 * Who somebody is at an identity provider that has proved it: the one shape that OpenID Connect, SAML and a trusted proxy's headers
 * come down to. Everything in it was checked for its type, and vouched for by the provider.
 */
export interface ExternalIdentity {
  /** `google`, `microsoft`, `generic`, `saml`, `proxy`, or what the provider's claim says: shown with the account. */
  readonly provider: string;
  /** Whose word it is: a subject means something only together with it. */
  readonly issuer: string;
  /** Never given to somebody else by this issuer. */
  readonly subject: string;
  /** What the account is called here when it is made. */
  readonly id: string;
  /** Lower-case; undefined: none that the provider vouches for. */
  readonly email: string | undefined;
  readonly displayName: string | undefined;
  readonly firstName: string | undefined;
  readonly lastName: string | undefined;
  /** Built-in, or what the operator's own mapping or function says. Undefined: the provider says nothing, and a stored role stays. */
  readonly role: string | undefined;
  /** Other names where roles are named: one of them may be a role of the operator's own. Counts where `role` is undefined. */
  readonly otherRoles: readonly string[];
  /** Undefined: it could not be learnt, and no membership is touched. */
  readonly teams: readonly ExternalTeam[] | undefined;
  /** Names of groups, for `ui_access_mode`. */
  readonly groups: readonly string[];
  /** Claims that the operator named, by their names; null where the provider did not say one. */
  readonly extraFields?: Readonly<Record<string, unknown>>;
  /** Everything the provider said, for the operator's own function. */
  readonly claims: Readonly<Record<string, unknown>>;
}
