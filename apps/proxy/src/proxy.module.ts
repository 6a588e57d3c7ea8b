import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { AuthModule } from '#libs/auth';
import { BudgetModule } from '#libs/budget';
import { DecisionsModule } from '#libs/decisions';
import { ProvidersModule } from '#libs/providers';
import { RateLimitModule } from '#libs/ratelimit';
import { RbacModule } from '#libs/rbac';
import { RoutingModule } from '#libs/routing';
import { RuntimeModule } from '#libs/runtime';
import { TenancyModule } from '#libs/tenancy';
import { AdmissionRefusals } from './completion/admission-refusals.js';
import { Admissions } from './completion/admissions.js';
import { AnswerHeaders } from './completion/answer-headers.js';
import { Attempts } from './completion/attempts.js';
import { Completions } from './completion/completions.js';
import { Door } from './completion/door.js';
import { Entrance } from './completion/entrance.js';
import { ObjectIds } from './completion/object-ids.js';
import { PromptLog } from './completion/prompt-log.js';
import { Traces } from './completion/traces.js';
import { Verdicts } from './completion/verdicts.js';
import { ExplainController } from './explain/explain.controller.js';
import { Explanations } from './explain/explanation.js';
import { HotLane } from './http/hot-lane.js';
import { LaneFailures } from './http/lane-failures.js';
import { GrantedModels } from './models/granted-models.js';
import { ModelsController } from './models/models.controller.js';
import { AnswerRelay } from './pass-through/answer-relay.js';
import { ErrandCaller } from './pass-through/errand-caller.js';
import { Errands } from './pass-through/errands.js';
import { FlatAdmissions } from './pass-through/flat-admissions.js';
import { FlatLedger } from './pass-through/flat-ledger.js';
import { PassThroughLane } from './pass-through/pass-through-lane.js';
import { CallReports } from './http/call-reports.js';
import { TokensController } from './tokens/tokens.controller.js';
import { RealtimeBooks } from './realtime/realtime-books.js';
import { RealtimeCaller } from './realtime/realtime-caller.js';
import { RealtimeLane } from './realtime/realtime-lane.js';

/** The data plane: completions through the hot lane, pass-through endpoints past Express too, model lists through Nest. */
@Module({
  imports: [
    AuditModule,
    AuthModule,
    DecisionsModule,
    RbacModule,
    RoutingModule,
    ProvidersModule,
    RuntimeModule,
    TenancyModule,
    RateLimitModule,
    BudgetModule,
  ],
  controllers: [ModelsController, ExplainController, TokensController],
  providers: [
    GrantedModels,
    Door,
    Entrance,
    Explanations,
    AdmissionRefusals,
    Admissions,
    AnswerHeaders,
    Attempts,
    Completions,
    HotLane,
    LaneFailures,
    ObjectIds,
    PromptLog,
    Traces,
    Verdicts,
    AnswerRelay,
    ErrandCaller,
    Errands,
    FlatAdmissions,
    FlatLedger,
    PassThroughLane,
    RealtimeBooks,
    RealtimeCaller,
    RealtimeLane,
    CallReports,
  ],
  exports: [HotLane, PassThroughLane, RealtimeLane],
})
export class ProxyModule {}
