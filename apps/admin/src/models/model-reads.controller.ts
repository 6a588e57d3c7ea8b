import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, decideModelAccess, Handles } from '#libs/rbac';
import { Catalogue, type Deployment } from '#libs/routing';
import { AccessGroupIndex, type CatalogueRow, LiveCatalogue, Models } from '#libs/runtime';
import { seesEverything } from '#libs/tenancy';
import { z } from 'zod';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { pagesOf } from '../http/wire.js';
import { ModelAnswers, type ShownModel } from './model-answers.js';
import {
  modelGroupQuery,
  type ModelGroupQuery,
  modelInfoQuery,
  type ModelInfoQuery,
  modelPageQuery,
  type ModelPageQuery,
} from './models.schemas.js';

const model = z.looseObject({ model_name: z.string(), model_info: z.looseObject({ id: z.string() }) });

/** Describes models: all of them to administrators, to everybody else those that they could call. */
@AdminController()
export class ModelReadsController {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly live: LiveCatalogue,
    private readonly accessGroups: AccessGroupIndex,
    private readonly models: Models,
    private readonly answers: ModelAnswers,
  ) {}

  @Handles('GET /model/info', 'GET /v1/model/info')
  @Answers('Describes models, one entry a deployment', z.object({ data: z.array(model) }))
  async info(
    @Caller() caller: Principal,
    @AdminQuery(modelInfoQuery) query: ModelInfoQuery,
  ): Promise<object> {
    const all = await this.#visible(caller, query.teamId);
    const id = query.litellm_model_id;
    if (id === undefined || id === '') return { data: all };
    const data = all.filter((one) => one.model_info.id === id);
    if (data.length > 0) return { data };
    throw new GatewayError('request.bad_field', 'There is no model of this id, or you may not use it.', {
      param: 'litellm_model_id',
    });
  }

  @Handles('GET /v2/model/info')
  @Answers(
    'Describes models page by page',
    z.object({
      data: z.array(model),
      total_count: z.number(),
      current_page: z.number(),
      total_pages: z.number(),
      size: z.number(),
    }),
  )
  async page(
    @Caller() caller: Principal,
    @AdminQuery(modelPageQuery) query: ModelPageQuery,
  ): Promise<object> {
    const { page, size } = query;
    const found = (await this.#visible(caller, query.teamId)).filter(matching(query));
    if (query.sortBy !== undefined) found.sort(inOrder(query));
    const own = caller.team?.id;
    return {
      data: found.slice((page - 1) * size, page * size).map((one) => ({
        ...one,
        model_info: {
          ...one.model_info,
          access_via_team_ids: own === undefined ? [] : [own],
          direct_access: one.model_info['team_id'] === undefined,
        },
      })),
      total_count: found.length,
      current_page: page,
      total_pages: pagesOf(found.length, size),
      size,
    };
  }

  @Handles('GET /model_group/info')
  @Answers(
    'Describes model groups: all deployments of one name as one',
    z.object({ data: z.array(z.looseObject({ model_group: z.string() })) }),
  )
  groups(@Caller() caller: Principal, @AdminQuery(modelGroupQuery) query: ModelGroupQuery): object {
    const rows = this.live
      .entriesFor(caller.team?.id)
      .filter(({ name }) => query.model_group === undefined || name === query.model_group)
      .filter((row) => this.#isGranted(caller, row));
    return { data: rows.map(({ name, deployments }) => this.answers.group(name, deployments)) };
  }

  async #visible(caller: Principal, teamId: string | undefined): Promise<ShownModel[]> {
    if (seesEverything(caller)) {
      const all = await this.#all(caller);
      return teamId === undefined ? all : all.filter((one) => one.model_info['team_id'] === teamId);
    }
    const seen = new Map<string, Deployment>();
    for (const row of this.live.entriesFor(caller.team?.id)) {
      if (!this.#isGranted(caller, row)) continue;
      for (const one of row.deployments) seen.set(one.id, one);
    }
    return [...seen.values()].map((one) => this.answers.deployment(one, caller));
  }

  async #all(caller: Principal): Promise<ShownModel[]> {
    const served = this.catalogue.deployments.map((one) => this.answers.deployment(one, caller));
    const ids = new Set(served.map(({ model_info: { id } }) => id));
    const stored = await this.models.stored();
    return [
      ...served,
      ...stored.filter(({ row }) => !ids.has(row.id)).map((view) => this.answers.unserved(view)),
    ];
  }

  #isGranted(caller: Principal, row: CatalogueRow): boolean {
    return decideModelAccess(caller, { ...row, requestedModel: row.name }, this.accessGroups).allowed;
  }
}

function matching(query: ModelPageQuery): (one: ShownModel) => boolean {
  const search = query.search?.toLowerCase();
  return ({ model_name: name, model_info: info, litellm_params: params }) =>
    (query.modelId === undefined || info.id === query.modelId) &&
    (query.model === undefined || name === query.model) &&
    (search === undefined ||
      name.toLowerCase().includes(search) ||
      info.id.toLowerCase().includes(search) ||
      String(params['model'] ?? '')
        .toLowerCase()
        .includes(search));
}

function inOrder({ sortBy, sortOrder }: ModelPageQuery): (a: ShownModel, b: ShownModel) => number {
  const sign = sortOrder === 'desc' ? -1 : 1;
  const keyOf = ({ model_name: name, model_info: info }: ShownModel): string | number => {
    if (sortBy === 'costs') return Number(info['input_cost_per_token'] ?? 0);
    if (sortBy === 'status') return info['db_model'] === true ? 1 : 0;
    return name;
  };
  return (a, b) => {
    const [one, other] = [keyOf(a), keyOf(b)];
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  };
}
