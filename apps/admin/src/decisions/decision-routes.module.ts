import { Module } from '@nestjs/common';
import { DecisionsModule } from '#libs/decisions';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { DecisionsController } from './decisions.controller.js';

/** Why somebody was refused. Served by proxies too: a refusal of a stranger is remembered only where it was made. */
@Module({
  imports: [RbacModule, DecisionsModule],
  controllers: [DecisionsController],
  providers: [AdminCalls],
})
export class DecisionRoutesModule {}
