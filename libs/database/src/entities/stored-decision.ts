import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CalledBy } from './called-by.js';

/** A refusal of somebody known, with everything that was asked of the request. Partitioned by `day`, kept for a week at most. */
@Entity('decisions')
export class StoredDecision extends CalledBy {
  /** `YYYY-MM-DD`, UTC. */
  @PrimaryColumn({ type: 'date' })
  day!: string;

  /** `dec_…`, as the client was told it. */
  @PrimaryColumn({ type: 'text' })
  @Index('decisions_id_idx')
  id!: string;

  @Column({ type: 'timestamptz' })
  at!: Date;

  @Column({ type: 'text' })
  code!: string;

  @Column({ type: 'int' })
  status!: number;

  /** What the client was told. */
  @Column({ type: 'text' })
  message!: string;

  @Column({ type: 'text' })
  route!: string;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ type: 'text', nullable: true })
  requestId!: string | null;

  @Column({ type: 'text', nullable: true })
  credential!: string | null;

  @Column({ type: 'text', nullable: true })
  role!: string | null;

  /** In the order they were asked. */
  @Column({ type: 'jsonb' })
  checks!: readonly Record<string, unknown>[];
}
