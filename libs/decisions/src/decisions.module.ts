import { Module } from '@nestjs/common';
import { DecisionLog } from './decision-log.js';
import { DecisionStore } from './decision-store.js';

/** Wants `Clock`, `Logger`, `Metrics` and `DataSource` from whoever assembles the product. */
@Module({ providers: [DecisionStore, DecisionLog], exports: [DecisionStore, DecisionLog] })
export class DecisionsModule {}
