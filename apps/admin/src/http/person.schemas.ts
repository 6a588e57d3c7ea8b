import { optionalName } from './fields.schemas.js';

/** How a body names somebody. */
export const PERSON_FIELDS = { user_id: optionalName, user_email: optionalName } as const;

interface SentPerson {
  readonly user_id?: string | null | undefined;
  readonly user_email?: string | null | undefined;
}

export function namesPerson({ user_id, user_email }: SentPerson): boolean {
  return Boolean(user_id) || Boolean(user_email);
}

/** Why a body that names nobody is refused: as one that lacks a field. */
export const NAMES_NOBODY = {
  message: 'user_id or user_email must be provided',
  params: { shape: true },
} as const;
/** The same of one member in a list. */
export const MEMBER_NAMES_NOBODY = 'each member needs a user_id or a user_email';

export function toPerson({ user_id, user_email }: SentPerson): {
  readonly userId: string | undefined;
  readonly email: string | undefined;
} {
  return { userId: user_id ?? undefined, email: user_email ?? undefined };
}
