import { Body, Controller, HttpCode } from '@nestjs/common';
import { compilePrincipal, standingRefusals } from '#libs/auth';
import { Config } from '#libs/config';
import { rethrowOutage } from '#libs/database';
import { subjectOf, toChecksAnswer, toSubjectAnswer, type View } from '#libs/decisions';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles, noteBody } from '#libs/rbac';
import { Pseudonyms } from '#libs/telemetry';
import { type CallerRecord, ExplainedCallers, seesEverything } from '#libs/tenancy';
import { EXPLAIN_ANSWER, explainBody, type ExplainBody, parseExplainBody } from './explain.schemas.js';
import { Explanations } from './explanation.js';
import { routeNamed, type ThoughtCall } from './thought-call.js';

/** Says beforehand whether somebody could make a call, and what stands in the way. Takes nothing, changes nothing, calls nobody. */
@Controller()
export class ExplainController {
  constructor(
    private readonly callers: ExplainedCallers,
    private readonly explanations: Explanations,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  @Handles('POST /explain')
  @Answers('Says whether a call would be served, check by check, and what would allow it', EXPLAIN_ANSWER)
  @HttpCode(200)
  explain(@Caller() caller: Principal, @Body() sent: unknown): Promise<object> {
    return this.#explain(caller, parseExplainBody(sent)).catch(rethrowOutage);
  }

  async #explain(caller: Principal, body: ExplainBody): Promise<object> {
    const call = toThoughtCall(body);
    const isAdmin = seesEverything(caller);
    const { role, customer_id: customerId, ip } = body;
    // With an address of one's choice the list of allowed networks could be read out.
    if (!isAdmin && [role, customerId, ip].some((one) => one !== undefined)) throw notThere();
    const record = isNamed(body) ? await this.#recordOf(caller, body) : undefined;
    const principal = record === undefined ? caller : this.#principalOf(record, body);
    const kept = record === undefined ? [] : standingRefusals(record, principal, this.clock.nowMs());
    const view: View = isAdmin || (record !== undefined && !isSelf(caller, principal)) ? 'all' : 'own';
    const { error, checks } = await this.explanations.explain(principal, call, kept, view === 'all');
    return {
      allowed: error === undefined,
      status: error?.status ?? null,
      reason: error?.code ?? null,
      message: error?.publicMessage ?? null,
      route: call.route,
      model: call.model ?? null,
      subject: toSubjectAnswer(subjectOf(principal), this.pseudonyms),
      ...toChecksAnswer(checks, view, this.pseudonyms),
    };
  }

  async #recordOf(caller: Principal, body: ExplainBody): Promise<CallerRecord> {
    const ids = {
      ...(body.user_id === undefined ? {} : { userId: body.user_id }),
      ...(body.team_id === undefined ? {} : { teamId: body.team_id }),
      ...(body.organization_id === undefined ? {} : { organizationId: body.organization_id }),
      ...(body.project_id === undefined ? {} : { projectId: body.project_id }),
      ...(body.customer_id === undefined ? {} : { customerId: body.customer_id }),
    };
    if (body.key !== undefined && (Object.keys(ids).length > 0 || body.role !== undefined))
      throw new GatewayError('request.invalid', 'A key says itself whose it is; name nobody beside it.', {
        param: 'key',
      });
    const record = await this.callers.find(caller, { key: body.key, ids, role: body.role });
    if (record === undefined) throw notThere();
    return record;
  }

  /** As authentication would compile it, from the same rows. */
  #principalOf(record: CallerRecord, { role }: ExplainBody): Principal {
    if (record.key !== null) return compilePrincipal(record, this.config);
    const { userId, teamId } = record.ids;
    return compilePrincipal(record, this.config, () => true, {
      credential: 'jwt',
      displayName: userId ?? teamId ?? 'explained',
      ...(role === undefined ? {} : { role }),
    });
  }
}

noteBody(ExplainController.prototype, 'explain', { schema: explainBody, optional: true });

function toThoughtCall(body: ExplainBody): ThoughtCall {
  return {
    route: routeNamed(body.route),
    model: body.model,
    estimatedTokens: body.estimated_tokens,
    maxTokens: body.max_tokens,
    customerId: body.user,
    tags: body.tags,
    ...(body.ip === undefined ? {} : { address: body.ip }),
  };
}

function isNamed({
  key,
  user_id,
  team_id,
  organization_id,
  project_id,
  customer_id,
  role,
}: ExplainBody): boolean {
  return [key, user_id, team_id, organization_id, project_id, customer_id, role].some(
    (one) => one !== undefined,
  );
}

function isSelf(caller: Principal, { key, user }: Principal): boolean {
  if (key !== undefined && key.id === caller.key?.id) return true;
  return user !== undefined && user.id === caller.user?.id;
}

/** One sentence for who is not there and for whose rights are none of the caller's business. */
function notThere(): GatewayError {
  return new GatewayError('request.not_found', 'There is no such caller, or it is not yours to ask about.', {
    param: 'key',
  });
}
