import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Settings } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { openMap } from '../http/fields.schemas.js';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';

const free = z.unknown().optional();

/** What the values mean is the configuration's to say: it refuses by name what it does not take. */
const userBody = {
  schema: z.object({
    user_role: free,
    models: free,
    max_budget: free,
    budget_duration: free,
    tpm_limit: free,
    rpm_limit: free,
    max_parallel_requests: free,
    available_teams: free,
    teams: free,
  }),
} as const satisfies BodyDefinition;
const teamBody = {
  schema: z.object({
    models: free,
    max_budget: free,
    budget_duration: free,
    tpm_limit: free,
    rpm_limit: free,
    team_member_permissions: free,
  }),
} as const satisfies BodyDefinition;

const shown = z.object({ values: z.looseObject({}), field_schema: z.looseObject({}) });
const done = z.object({ message: z.string(), status: z.string(), settings: z.looseObject({}) });

const USERS = 'default_internal_user_params';
const TEAMS = 'default_team_params';

/** Throws 400 for what could not be stored. */
function membersOf(value: object): Record<string, unknown> {
  const read = openMap.safeParse(value);
  if (read.success) return read.data;
  throw new GatewayError(
    'request.bad_field',
    read.error.issues[0]?.message ?? 'These settings cannot be stored.',
  );
}

/** What new users and teams get where nothing else is said. */
@AdminController()
export class DefaultsController {
  constructor(private readonly settings: Settings) {}

  @Handles('GET /get/internal_user_settings')
  @Answers('Shows what new users get where nothing else is said', shown)
  async users(): Promise<object> {
    return { values: await this.#valuesOf(USERS), field_schema: schemaOf(userBody) };
  }

  @Handles('PATCH /update/internal_user_settings')
  @Answers('Changes what new users get: members are merged in, null removes', done)
  updateUsers(
    @By() author: Author,
    @AdminBody(userBody) body: z.output<typeof userBody.schema>,
  ): Promise<object> {
    return this.#update(author, USERS, body);
  }

  @Handles('GET /get/default_team_settings')
  @Answers('Shows what new teams get where nothing else is said', shown)
  async teams(): Promise<object> {
    return { values: await this.#valuesOf(TEAMS), field_schema: schemaOf(teamBody) };
  }

  @Handles('PATCH /update/default_team_settings')
  @Answers('Changes what new teams get: members are merged in, null removes', done)
  updateTeams(
    @By() author: Author,
    @AdminBody(teamBody) body: z.output<typeof teamBody.schema>,
  ): Promise<object> {
    return this.#update(author, TEAMS, body);
  }

  async #update(author: Author, field: string, value: object): Promise<object> {
    await this.settings.change(author, [{ section: 'litellm_settings', field, value: membersOf(value) }]);
    return {
      message: 'Settings updated successfully',
      status: 'success',
      settings: await this.#valuesOf(field),
    };
  }

  async #valuesOf(field: string): Promise<object> {
    const views = await this.settings.list('litellm_settings');
    const value = views.find((view) => view.field === field)?.value;
    return typeof value === 'object' && value !== null ? value : {};
  }
}

function schemaOf({ schema }: typeof userBody | typeof teamBody): object {
  return { properties: Object.fromEntries(Object.keys(schema.shape).map((name) => [name, {}])) };
}
