import { HttpCode, Res } from '@nestjs/common';
import { Config, readStoredModel } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { Catalogue, compileDeployments, type Deployment } from '#libs/routing';
import { RuntimeStore } from '#libs/runtime';
import type { Response } from 'express';
import { z } from 'zod';
import { name, openMap } from '../http/fields.schemas.js';
import { AdminBody, AdminController, AdminQuery } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';
import { DeploymentProbe, type ProbeResult } from './deployment-probe.js';

const healthQuery = z.object({ model: name.optional(), model_id: name.optional() });
type HealthQuery = z.output<typeof healthQuery>;

const connectionBody = {
  schema: z.object({
    mode: name.nullable().optional(),
    litellm_params: openMap,
    model_info: openMap.nullable().optional(),
  }),
} as const satisfies BodyDefinition;
type ConnectionBody = z.output<typeof connectionBody.schema>;

const endpoints = z.array(z.looseObject({ model: z.string() }));

/** Questions under way at once: enough to be quick, too few to be a burst. */
const AT_ONCE = 8;

/** Asks models whether they answer. */
@AdminController()
export class ModelHealthController {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly probe: DeploymentProbe,
    private readonly config: Config,
    private readonly store: RuntimeStore,
  ) {}

  /** 503 when a model was named and none of its deployments answers. */
  @Handles('GET /health')
  @Answers(
    'Asks every deployment, or those of one model, a short question',
    z.object({
      healthy_endpoints: endpoints,
      unhealthy_endpoints: endpoints,
      healthy_count: z.number(),
      unhealthy_count: z.number(),
    }),
  )
  async health(
    @Caller() caller: Principal,
    @AdminQuery(healthQuery) query: HealthQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const asked = this.catalogue.deployments.filter(
      (one) =>
        (query.model === undefined || one.group === query.model || one.upstreamModel === query.model) &&
        (query.model_id === undefined || one.id === query.model_id),
    );
    const isNamed = query.model !== undefined || query.model_id !== undefined;
    if (isNamed && asked.length === 0)
      throw new GatewayError('request.not_found', 'There is no such model.', { param: 'model' });
    const results = await this.#askAll(asked, caller);
    const healthy = results.filter((one) => one.healthy);
    if (isNamed && healthy.length === 0) response.status(503);
    return {
      healthy_endpoints: healthy.map(shown),
      unhealthy_endpoints: results.filter((one) => !one.healthy).map(shown),
      healthy_count: healthy.length,
      unhealthy_count: results.length - healthy.length,
    };
  }

  /** Tries a model before it is added. */
  @Handles('POST /health/test_connection')
  @Answers('Tries a model that is not added yet', z.looseObject({ status: z.string() }))
  @HttpCode(200)
  async test(@Caller() caller: Principal, @AdminBody(connectionBody) body: ConnectionBody): Promise<object> {
    const { manager } = this.store.database;
    const credentials = await this.store.credentialsByName(manager, this.config.credentials);
    const info = { ...body.model_info, ...(body.mode ? { mode: body.mode } : {}), id: 'test-connection' };
    const { entry, problems } = readStoredModel(
      { model_name: 'test-connection', litellm_params: body.litellm_params, model_info: info },
      credentials,
      this.config.environment,
    );
    const compiled = entry && compileDeployments([entry], this.config.environment);
    const [deployment] = compiled?.deployments ?? [];
    const problem = problems[0] ?? compiled?.problems[0];
    if (!deployment || problems.length > 0)
      return { status: 'error', result: { error: problem?.message ?? 'litellm_params.model is needed.' } };
    const result = await this.probe.ask(deployment, caller);
    if (!result)
      return { status: 'error', result: { error: 'There is no question for a model of this mode.' } };
    return result.healthy
      ? { status: 'success', result: { response_time_ms: result.responseMs } }
      : { status: 'error', result: { error: result.error } };
  }

  async #askAll(deployments: readonly Deployment[], caller: Principal): Promise<ProbeResult[]> {
    const waiting = [...deployments];
    const results: ProbeResult[] = [];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const result = await this.probe.ask(next, caller);
        if (result) results.push(result);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return results;
  }
}

function shown({ deployment, error, responseMs }: ProbeResult): object {
  return {
    model: `${deployment.provider}/${deployment.upstreamModel}`,
    model_name: deployment.group,
    model_id: deployment.id,
    api_base: deployment.apiBase,
    response_time_ms: responseMs,
    ...(error === undefined ? {} : { error }),
  };
}
