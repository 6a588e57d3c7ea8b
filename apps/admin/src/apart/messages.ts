import type { Config } from '#libs/config';
import type { AccessGroup } from '#libs/database';
import type { ErrorCode, GatewayError, Principal, Secret } from '#libs/kernel';
import type { MembershipRow } from '#libs/tenancy';

/** What the reading process has to know. */
export interface ReaderParts {
  /** Of which the reader gets what a database client reads. */
  readonly environment: NodeJS.ProcessEnv;
  readonly databaseUrl: Secret;
  readonly isOwnServer: boolean;
  readonly budgets: Config['budgets'];
  /** Absent: everybody is shown by name. */
  readonly pseudonymsKey?: Uint8Array;
}

/** The same on its way: through memory only, never argv or the environment. */
export type SentParts = Omit<ReaderParts, 'databaseUrl' | 'environment'> & { readonly databaseUrl: string };

/** A handler of a report and what it is called with: what a connection to the reader begins with. */
export interface Question {
  readonly controller: string;
  readonly handler: string;
  readonly values: readonly Sent[];
  /** Which `groups` it has to have heard of: those come another way. */
  readonly groups: number;
}

/** What the reader answers with; the body follows, `length` bytes of JSON. */
export type AnswerHead =
  { readonly length: number; readonly headers: Headers } | { readonly failure: Failure };

export type ToReader =
  /** Before everything else. */
  | { readonly kind: 'start'; readonly parts: SentParts }
  /** The answer to `store`. */
  | { readonly kind: 'stored'; readonly id: number; readonly failure?: Failure }
  /** Access groups as they are from here on. */
  | { readonly kind: 'groups'; readonly version: number; readonly groups: readonly AccessGroup[] }
  /** The database has gone silent: nobody waits for it any longer. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'end' };

export type FromReader =
  /** It listens at `path`, in a folder of its own that nobody else may open. */
  | { readonly kind: 'ready'; readonly path: string }
  /** Asks for everything that has ended so far to be stored. */
  | { readonly kind: 'store'; readonly id: number }
  | { readonly kind: 'warning'; readonly fields: object; readonly message: string };

export type Headers = readonly (readonly [name: string, value: string])[];

/** A value that a handler is called with. A caller loses the one function it has; of a response only headers can be set. */
export type Sent =
  | { readonly is: 'value'; readonly value: unknown }
  /** What it is a member of goes along: the reader hears of no changes, so that it could not keep it. */
  | { readonly is: 'caller'; readonly caller: object; readonly memberships: readonly MembershipRow[] }
  | { readonly is: 'response' };

/** What went wrong, for the process that answers: refusals whole, everything else as words. */
export type Failure =
  | {
      readonly is: 'refusal';
      readonly code: ErrorCode;
      readonly publicMessage: string;
      readonly options: RefusalOptions;
    }
  | { readonly is: 'outage' | 'defect'; readonly message: string; readonly stack: string };

type RefusalOptions = NonNullable<ConstructorParameters<typeof GatewayError>[2]>;

export function sentCaller({ isCurrent: _, alternatives, ...facts }: Principal): object {
  return alternatives === undefined ? facts : { ...facts, alternatives: alternatives.map(sentCaller) };
}

/** It was current when it asked; a report does not look again either where it is read beside the calls. */
export function receivedCaller(sent: object): Principal {
  const { alternatives, ...facts } = sent as Principal;
  const caller = { ...facts, isCurrent: () => true };
  return alternatives === undefined ? caller : { ...caller, alternatives: alternatives.map(receivedCaller) };
}
