import { Param } from '@nestjs/common';
import {
  type Decision,
  DECISION_ANSWER,
  DecisionLog,
  DecisionStore,
  isOwn,
  toDecisionAnswer,
} from '#libs/decisions';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { Pseudonyms } from '#libs/telemetry';
import { seesEverything } from '#libs/tenancy';
import { AdminController } from '../http/decorators.js';

/** Why a request was refused, by the name its answer carried. Somebody else's refusal is answered as one that never was. */
@AdminController()
export class DecisionsController {
  constructor(
    private readonly log: DecisionLog,
    private readonly store: DecisionStore,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  @Handles('GET /decisions/{id}')
  @Answers('Shows what a refused request was asked, and what would have allowed it', DECISION_ANSWER)
  async one(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const decision = await this.#find(caller, id);
    if (decision === undefined)
      throw new GatewayError('request.not_found', 'There is no such decision, or it is not kept any more.', {
        param: 'id',
      });
    // Whoever administers more than itself reads everything; everybody else what is its own.
    const view = isOwn(caller, decision) && !seesEverything(caller) ? 'own' : 'all';
    return toDecisionAnswer(decision, view, this.pseudonyms);
  }

  /** What is remembered here is younger than what is stored, and needs no store to be told to its owner or an administrator. */
  async #find(caller: Principal, id: string): Promise<Decision | undefined> {
    if (!/^dec_[0-9a-z]{25}$/.test(id)) return undefined;
    const remembered = this.log.find(id);
    if (remembered && (seesEverything(caller) || isOwn(caller, remembered))) return remembered;
    await this.log.flush();
    return this.store.find(caller, id);
  }
}
