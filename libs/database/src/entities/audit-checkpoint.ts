import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../columns.js';

/** How far a chain had come at some time, signed. A copy of each leaves the database. */
@Entity('audit_checkpoints')
export class AuditCheckpoint {
  @PrimaryColumn({ type: 'text' })
  chain!: 'changes' | 'access';

  @PrimaryColumn({ type: 'bigint', transformer: bigintColumn })
  seq!: bigint;

  @Column({ type: 'text' })
  hash!: string;

  @Column({ type: 'timestamptz' })
  at!: Date;

  /** Which public key proves it. */
  @Column({ type: 'text' })
  keyId!: string;

  @Column({ type: 'text' })
  signature!: string;
}
