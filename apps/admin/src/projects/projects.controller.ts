import { HttpCode } from '@nestjs/common';
import type { Project } from '#libs/database';
import { type NanoUsd, type Principal, type Scope, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, Projects, SpendReader } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { PROJECT_ROW } from '../people/people-answers.schemas.js';
import { foldedOf, GovernedAnswers } from '../http/governed-answers.js';
import { orNull, toApiTime } from '../http/wire.js';
import {
  deleteProjectsBody,
  type DeleteProjectsBody,
  newProjectBody,
  type NewProjectBody,
  projectQuery,
  type ProjectQuery,
  toProjectChange,
  updateProjectBody,
  type UpdateProjectBody,
} from './projects.schemas.js';

/** Projects on the wire. Who may is decided in `Projects`. */
@AdminController()
export class ProjectsController {
  constructor(
    private readonly projects: Projects,
    private readonly governed: GovernedAnswers,
    private readonly spend: SpendReader,
  ) {}

  @Handles('POST /project/new')
  @Answers('Makes a project of a team', PROJECT_ROW)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newProjectBody) body: NewProjectBody): Promise<object> {
    const project = await this.projects.create(
      author,
      body.project_id ?? undefined,
      body.team_id,
      toProjectChange(body),
    );
    return this.#row(project, 0n);
  }

  @Handles('POST /project/update')
  @Answers('Changes a project', PROJECT_ROW)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateProjectBody) body: UpdateProjectBody): Promise<object> {
    return this.#one(await this.projects.update(author, body.project_id, toProjectChange(body)));
  }

  @Handles('DELETE /project/delete')
  @Answers('Deletes projects', z.array(PROJECT_ROW))
  async delete(
    @By() author: Author,
    @AdminBody(deleteProjectsBody) body: DeleteProjectsBody,
  ): Promise<object[]> {
    return this.#rows(await this.projects.delete(author, body.project_ids));
  }

  @Handles('GET /project/info')
  @Answers('Shows a project', PROJECT_ROW)
  async info(@Caller() caller: Principal, @AdminQuery(projectQuery) query: ProjectQuery): Promise<object> {
    return this.#one(await this.projects.get(caller, query.project_id));
  }

  @Handles('GET /project/list')
  @Answers('Lists projects', z.array(PROJECT_ROW))
  async list(@Caller() caller: Principal): Promise<object[]> {
    return this.#rows(await this.projects.list(caller));
  }

  async #one(project: Project): Promise<object> {
    const [row] = await this.#rows([project]);
    return row ?? {};
  }

  async #rows(projects: readonly Project[]): Promise<object[]> {
    const spent = await this.spend.spendOf(projects.map(({ id }): Scope => ({ type: 'project', id })));
    return projects.map((project) => this.#row(project, spent.get(`project:${project.id}`) ?? 0n));
  }

  #row(project: Project, spent: NanoUsd): Record<string, unknown> {
    return {
      project_id: project.id,
      project_alias: project.alias,
      description: project.description,
      team_id: project.teamId,
      budget_id: project.budgetId,
      metadata: {
        ...project.metadata,
        ...foldedOf(project),
        ...(orNull(project.tags) && { tags: project.tags }),
      },
      models: project.models,
      spend: usdNumber(spent),
      model_spend: {},
      model_rpm_limit: project.modelRpmLimits,
      model_tpm_limit: project.modelTpmLimits,
      blocked: project.blocked,
      object_permission_id: null,
      object_permission: null,
      created_at: toApiTime(project.createdAt),
      created_by: project.createdBy,
      updated_at: toApiTime(project.updatedAt),
      updated_by: project.updatedBy,
      litellm_budget_table: this.governed.effective(project, null),
    };
  }
}
