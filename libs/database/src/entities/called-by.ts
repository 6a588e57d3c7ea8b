import { Column } from 'typeorm';

/** On whose behalf a call was made. */
export abstract class CalledBy {
  @Column({ type: 'text', nullable: true })
  keyId!: string | null;

  @Column({ type: 'text', nullable: true })
  userId!: string | null;

  @Column({ type: 'text', nullable: true })
  teamId!: string | null;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  @Column({ type: 'text', nullable: true })
  customerId!: string | null;
}
