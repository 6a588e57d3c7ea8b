/**
 * The part of shared counting that must outlive Redis: which epoch the counters are in, and who counts. Kept in PostgreSQL,
 * because when Redis has lost its memory it cannot say who must be waited for.
 */
export abstract class EpochStore {
  /** The epoch that was last made. */
  abstract read(): Promise<string>;
  /** This process lives. Resolves with a ticket: a number higher than all that were given out before, unless the store was restored to an earlier state. */
  abstract beat(incarnation: string): Promise<string>;
  /** This process has said in `epoch` what it holds. */
  abstract ready(incarnation: string, epoch: string): Promise<void>;
  /** Makes `epoch` the current one, when every process that lives is ready for it and nobody else was quicker. */
  abstract advance(epoch: string): Promise<boolean>;
  /** This process counts no more. */
  abstract leave(incarnation: string): Promise<void>;
}
