import { HttpCode, Param } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { Credentials, type CredentialView } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import {
  credentialChangeBody,
  type CredentialChangeBody,
  newCredentialBody,
  type NewCredentialBody,
} from './credentials.schemas.js';

const done = z.object({ success: z.boolean(), message: z.string() });
const credential = z.looseObject({
  credential_name: z.string(),
  credential_values: z.looseObject({}),
  credential_info: z.looseObject({}),
});

/** Providers' secrets under names, for models to point at. Every value of an answer is masked. */
@AdminController()
export class CredentialsController {
  constructor(private readonly credentials: Credentials) {}

  @Handles('POST /credentials')
  @Answers('Stores a credential', done)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newCredentialBody) body: NewCredentialBody): Promise<object> {
    await this.credentials.create(author, {
      name: body.credential_name,
      displayName: body.display_name ?? null,
      values: body.credential_values ?? undefined,
      modelId: body.model_id ?? undefined,
      info: body.credential_info ?? {},
    });
    return { success: true, message: 'Credential created successfully' };
  }

  @Handles('GET /credentials')
  @Answers('Lists credentials, masked', z.object({ success: z.boolean(), credentials: z.array(credential) }))
  async list(): Promise<object> {
    return { success: true, credentials: (await this.credentials.list()).map(shown) };
  }

  @Handles('GET /credentials/by_name/{name}')
  @Answers('Shows one credential, masked', credential)
  async byName(@Param('name') name: string): Promise<object> {
    return shown(await this.credentials.get(name));
  }

  @Handles('GET /credentials/by_model/{id}')
  @Answers('Shows what a model is called with, masked', credential)
  async byModel(@Param('id') id: string): Promise<object> {
    return shown(await this.credentials.ofModel(id));
  }

  @Handles('PATCH /credentials/{name}')
  @Answers('Changes a credential: values are merged in', done)
  async update(
    @By() author: Author,
    @Param('name') name: string,
    @AdminBody(credentialChangeBody) body: CredentialChangeBody,
  ): Promise<object> {
    await this.credentials.update(author, name, {
      displayName: body.display_name,
      values: body.credential_values ?? undefined,
      info: body.credential_info,
      removed: body.credential_values_to_delete ?? undefined,
    });
    return { success: true, message: 'Credential updated successfully' };
  }

  @Handles('DELETE /credentials/{name}')
  @Answers('Deletes a credential', done)
  async delete(@By() author: Author, @Param('name') name: string): Promise<object> {
    await this.credentials.delete(author, name);
    return { success: true, message: 'Credential deleted successfully' };
  }
}

function shown({ name, displayName, values, info, source }: CredentialView): object {
  return {
    credential_name: name,
    display_name: displayName,
    credential_values: values,
    credential_info: info,
    source,
  };
}
