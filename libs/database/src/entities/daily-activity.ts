import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Attributed } from './attributed.js';
import { countColumn, nanoUsdColumn } from '../columns.js';

/**
 * Which question a daily row answers. `key`, `customer` and `tags`: who called, with the owners the key had and what the
 * call named. The others have no keys, so that looking at much stays cheap: `tagged` has a row for each tag alone, `tagging` is all
 * that had any, `customers` all that named one, `teams` all that had one; the same of one organization stands under its name. `team_days` and
 * `customer_days` are what one did on a day, whatever the model. Facets of many rows are parts of the table of their own: what is read together lies together.
 */
export type ActivityFacet =
  | 'key'
  | 'customer'
  | 'customer_days'
  | 'tags'
  | 'team'
  | 'team_days'
  | 'organization'
  | 'organization_teams'
  | 'organization_tagged'
  | 'organization_tagging'
  | 'proxy'
  | 'teams'
  | 'tagged'
  | 'tagging'
  | 'customers';

/** What one combination of callers, model and endpoint did on one day (UTC): kept by the drain, in the transaction that stores the entries. */
@Entity('daily_activity')
export class DailyActivity extends Attributed {
  @PrimaryColumn({ type: 'date' })
  day!: string;

  /** Hash of everything that tells this row from the others of its day. */
  @PrimaryColumn({ type: 'uuid' })
  rowId!: string;

  @PrimaryColumn({ type: 'text' })
  facet!: ActivityFacet;

  @Column({ type: 'bigint', transformer: countColumn })
  requests!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  successes!: number;

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  spendNano!: bigint;

  /** Of the calls that succeeded. */
  @Column({ type: 'bigint', transformer: countColumn })
  responseMs!: number;
}
