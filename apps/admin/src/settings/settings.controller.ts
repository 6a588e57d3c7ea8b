import { HttpCode, Res } from '@nestjs/common';
import { describeSettings, type SettingDescription } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Settings, type SettingsReceipt, type SettingView } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import type { Response } from 'express';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { ignoredFieldsHeader } from '../http/request-body.js';
import {
  configBody,
  type ConfigBody,
  fieldBody,
  type FieldBody,
  fieldNameBody,
  type FieldNameBody,
  fieldQuery,
  type FieldQuery,
  listQuery,
  type SettingListQuery,
  toOverrides,
} from './settings.schemas.js';

const changed = z.object({ message: z.string(), restart_required: z.array(z.string()) });
const field = z.looseObject({ field_name: z.string(), field_value: z.unknown() });

/** Settings that change while it runs. What needs a restart is stored and said. */
@AdminController()
export class SettingsController {
  constructor(private readonly settings: Settings) {}

  @Handles('POST /config/update')
  @Answers('Changes settings; the configuration file wins over them', changed)
  @HttpCode(200)
  async update(
    @By() author: Author,
    @AdminBody(configBody) body: ConfigBody,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const receipt = await this.settings.change(author, toOverrides(body));
    tellIgnored(receipt, response);
    return { message: 'Config updated successfully', restart_required: receipt.afterRestart };
  }

  @Handles('GET /config/list')
  @Answers('Lists the settings of a section, with their values', z.array(field))
  async list(@AdminQuery(listQuery) { config_type: section }: SettingListQuery): Promise<object[]> {
    const values = new Map((await this.settings.list(section)).map((view) => [view.field, view]));
    return describeSettings(section).map((one) => descriptorOf(one, values.get(one.name)));
  }

  @Handles('GET /config/field/info')
  @Answers('Shows one setting', field)
  async info(@AdminQuery(fieldQuery) query: FieldQuery): Promise<object> {
    const view = (await this.settings.list(query.config_type)).find((one) => one.field === query.field_name);
    const isKnown = describeSettings(query.config_type).some((one) => one.name === query.field_name);
    if (!view && !isKnown) throw unknownField();
    return {
      field_name: query.field_name,
      field_value: view?.value ?? null,
      source: view?.source ?? 'default',
      editable: isKnown && view?.source !== 'config',
    };
  }

  @Handles('POST /config/field/update')
  @Answers('Changes one setting', field)
  @HttpCode(200)
  async updateField(@By() author: Author, @AdminBody(fieldBody) body: FieldBody): Promise<object> {
    if (body.field_value === undefined)
      throw new GatewayError('request.bad_field', "'field_value' is needed.", { param: 'field_value' });
    const { config_type: section, field_name: name } = body;
    const receipt = await this.settings.change(author, [{ section, field: name, value: body.field_value }]);
    if (receipt.ignored.length > 0) throw unknownField();
    const view = (await this.settings.list(section)).find((one) => one.field === name);
    return {
      param_name: section,
      field_name: name,
      field_value: view?.value ?? null,
      restart_required: receipt.afterRestart,
    };
  }

  @Handles('POST /config/field/delete')
  @Answers('Takes a stored setting back', field)
  @HttpCode(200)
  async deleteField(@By() author: Author, @AdminBody(fieldNameBody) body: FieldNameBody): Promise<object> {
    const {
      section,
      field: name,
      value,
      live,
    } = await this.settings.remove(author, body.config_type, body.field_name);
    return {
      param_name: section,
      field_name: name,
      field_value: value,
      restart_required: live ? [] : [`${section}.${name}`],
    };
  }

  /** The contract's greeting: nothing of the configuration was ever public. */
  @Handles('GET /config/yaml')
  @Answers('A greeting, kept for clients that look for it', z.object({ hello: z.string() }))
  yaml(): object {
    return { hello: 'world' };
  }

  @Handles('GET /router/settings')
  @Answers(
    'Shows the settings of routing',
    z.object({ fields: z.array(field), current_values: z.looseObject({}) }),
  )
  async router(): Promise<object> {
    const views = await this.settings.list('router_settings');
    const values = new Map(views.map((view) => [view.field, view]));
    return {
      fields: describeSettings('router_settings').map((one) => descriptorOf(one, values.get(one.name))),
      current_values: Object.fromEntries(views.map((view) => [view.field, view.value])),
    };
  }
}

function descriptorOf({ name, type, live }: SettingDescription, view: SettingView | undefined): object {
  return {
    field_name: name,
    field_type: type,
    field_description: live ? 'Takes effect at once.' : 'Takes effect at the next start.',
    field_value: view?.value ?? null,
    stored_in_db: view === undefined ? null : view.source === 'db',
    field_default_value: null,
    nested_fields: null,
  };
}

function unknownField(): GatewayError {
  return new GatewayError('request.bad_field', "'field_name' is not a setting that can be changed here.", {
    param: 'field_name',
  });
}

/** Settings that nothing acts on are not stored, and named. */
function tellIgnored({ ignored }: SettingsReceipt, response: Response): void {
  if (ignored.length === 0) return;
  const earlier = response.getHeader('x-ignored-fields');
  const names = [...(typeof earlier === 'string' ? [earlier] : []), ignoredFieldsHeader(ignored)];
  response.setHeader('x-ignored-fields', names.join(','));
}
