import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The outbox: one alert on its way to one channel. Stored with its alert, so that neither is without the other. */
@Entity('alert_deliveries')
export class AlertDelivery {
  @PrimaryColumn({ type: 'text' })
  alertId!: string;

  /** `webhook`, `slack`, `email`; a second address of the same kind is `slack:2`. */
  @PrimaryColumn({ type: 'text' })
  channel!: string;

  @Column({ type: 'integer', default: 0 })
  attempts!: number;

  /** Also how long whoever sends it now has, before another may try. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  nextAttemptAt!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  deliveredAt!: Date | null;

  /** Nobody tries any more. */
  @Column({ type: 'timestamptz', nullable: true })
  givenUpAt!: Date | null;

  /** Never the address: it may be a secret. */
  @Column({ type: 'text', nullable: true })
  lastError!: string | null;
}
