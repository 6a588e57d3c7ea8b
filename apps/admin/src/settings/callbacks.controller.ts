import { HttpCode } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError, textsIn } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Settings, type SettingView } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { callbackBody, type CallbackBody } from './settings.schemas.js';

const LISTS = {
  callbacks: 'success_and_failure',
  success_callback: 'success',
  failure_callback: 'failure',
} as const;

/** Callbacks that this version acts on. */
const AVAILABLE = {
  prometheus: {
    litellm_callback_name: 'prometheus',
    litellm_callback_params: [],
    ui_callback_name: 'Prometheus',
  },
} as const;

/** Callbacks: who is told of calls. */
@AdminController()
export class CallbacksController {
  constructor(
    private readonly settings: Settings,
    private readonly product: Config,
  ) {}

  @Handles('GET /get/config/callbacks')
  @Answers('Lists callbacks, alerts and the settings of routing', z.looseObject({ status: z.string() }))
  async config(): Promise<object> {
    const views = await this.settings.list('litellm_settings');
    const router = await this.settings.list('router_settings');
    return {
      status: 'success',
      callbacks: Object.entries(LISTS).flatMap(([list, type]) =>
        namesIn(views, list).map((name) => ({ name, variables: {}, type })),
      ),
      alerts: [],
      active_alerting_destinations: [],
      router_settings: Object.fromEntries(router.map(({ field, value }) => [field, value])),
      available_callbacks: AVAILABLE,
    };
  }

  @Handles('GET /callbacks/list')
  @Answers('Lists the callbacks that are set', z.looseObject({}))
  async list(): Promise<object> {
    const views = await this.settings.list('litellm_settings');
    return {
      success: namesIn(views, 'success_callback'),
      failure: namesIn(views, 'failure_callback'),
      success_and_failure: namesIn(views, 'callbacks'),
    };
  }

  @Handles('GET /callbacks/configs')
  @Answers('Lists the callbacks that can be set', z.array(z.looseObject({ id: z.string() })))
  configs(): object[] {
    return Object.entries(AVAILABLE).map(([id, { ui_callback_name: name }]) => ({
      id,
      displayName: name,
      supports_key_team_logging: false,
      dynamic_params: {},
    }));
  }

  @Handles('GET /settings', 'GET /active/callbacks')
  @Answers('Shows what is told of calls', z.looseObject({}))
  async active(): Promise<object> {
    const views = await this.settings.list('litellm_settings');
    const callbacks = namesIn(views, 'callbacks');
    return {
      alerting: null,
      'litellm.callbacks': callbacks,
      'litellm.input_callback': [],
      'litellm.success_callback': namesIn(views, 'success_callback'),
      'litellm.failure_callback': namesIn(views, 'failure_callback'),
      num_callbacks: callbacks.length,
      num_alerting: 0,
      'litellm.request_timeout': this.product.router.timeoutMs / 1_000,
    };
  }

  @Handles('POST /config/callback/delete')
  @Answers('Takes a stored callback off every list', z.looseObject({ message: z.string() }))
  @HttpCode(200)
  async delete(
    @By() author: Author,
    @AdminBody(callbackBody) { callback_name: name }: CallbackBody,
  ): Promise<object> {
    const views = await this.settings.list('litellm_settings');
    const lists = Object.keys(LISTS).filter((list) => namesIn(views, list).includes(name));
    if (lists.length === 0)
      throw new GatewayError('request.not_found', 'There is no callback of this name.', {
        param: 'callback_name',
      });
    const { afterRestart } = await this.settings.change(
      author,
      lists.map((field) => ({
        section: 'litellm_settings',
        field,
        value: namesIn(views, field).filter((one) => one !== name),
      })),
    );
    return {
      message: `Successfully deleted callback: ${name}`,
      removed_callback: name,
      restart_required: afterRestart,
    };
  }
}

/** The callbacks of one list among these settings. */
export function namesIn(views: readonly SettingView[], list: string): string[] {
  const value = views.find(({ field }) => field === list)?.value;
  return typeof value === 'string' ? [value] : textsIn(value);
}
