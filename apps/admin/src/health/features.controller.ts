import { Config } from '#libs/config';
import { DatabaseHealth } from '#libs/database';
import { Draining } from '#libs/http';
import { Build, GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Settings } from '#libs/runtime';
import { z } from 'zod';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { CHAT_PARAMS } from '../models/chat-params.js';
import { namesIn } from '../settings/callbacks.controller.js';

const guardrails = z.object({ guardrails: z.array(z.never()) });
const modelQuery = z.object({ model: name });

/** What this installation has, for consoles and clients that ask before they use it. */
@AdminController()
export class FeaturesController {
  constructor(
    private readonly config: Config,
    private readonly database: DatabaseHealth,
    private readonly draining: Draining,
    private readonly build: Build,
    private readonly settings: Settings,
  ) {}

  @Handles('GET /health/readiness/details')
  @Answers('Says more about readiness than a probe may know', z.looseObject({ status: z.string() }))
  async readiness(): Promise<object> {
    const views = await this.settings.list('litellm_settings').catch(() => []);
    return {
      status: this.draining.isDraining ? 'shutting_down' : this.database.isWarm() ? 'healthy' : 'unhealthy',
      db: this.database.state(),
      cache: null,
      litellm_version: this.build.version,
      success_callbacks: [...namesIn(views, 'success_callback'), ...namesIn(views, 'callbacks')],
      use_aiohttp_transport: false,
      log_level: this.config.logging.level.toUpperCase(),
      is_detailed_debug: this.config.logging.level === 'debug' || this.config.logging.level === 'trace',
      show_no_redis_warning: false,
      show_env_credential_login_warning: false,
    };
  }

  /** There is nothing to buy: everything is on, for ever, for any number of people. */
  @Handles('GET /health/license')
  @Answers('Says that no licence is needed', z.looseObject({ has_license: z.boolean() }))
  license(): object {
    return {
      has_license: true,
      license_type: 'enterprise',
      expiration_date: null,
      allowed_features: [],
      limits: { max_users: null, max_teams: null },
    };
  }

  /** There is no response cache. 503, as the contract answers without one. */
  @Handles('GET /cache/ping')
  @Answers('Says that answers are not cached', z.never())
  ping(): never {
    throw new GatewayError('server.overloaded', 'Answers are not cached: there is no cache to ask.', {
      type: 'cache_ping_error',
    });
  }

  /** None: a guardrail in the configuration refuses the start, because nothing would act on it. */
  @Handles('GET /guardrails/list', 'GET /v2/guardrails/list')
  @Answers('Lists guardrails, of which there are none', guardrails)
  guardrails(): object {
    return { guardrails: [] };
  }

  @Handles('GET /utils/supported_openai_params')
  @Answers(
    'Lists the parameters a chat call may hold',
    z.object({ supported_openai_params: z.array(z.string()) }),
  )
  params(@AdminQuery(modelQuery) _query: z.output<typeof modelQuery>): object {
    return { supported_openai_params: CHAT_PARAMS };
  }
}
