import { HttpCode } from '@nestjs/common';
import type { Invitation } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, Invitations } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { INVITATION } from '../people/people-answers.schemas.js';
import { name } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { toApiTime } from '../http/wire.js';

const newBody = { schema: z.object({ user_id: name.min(1) }) } satisfies BodyDefinition;
const updateBody = {
  schema: z.object({ invitation_id: name.min(1), is_accepted: z.boolean() }),
} satisfies BodyDefinition;
const namedBody = { schema: z.object({ invitation_id: name.min(1) }) } satisfies BodyDefinition;
const query = z.object({ invitation_id: name.min(1) });

/** Invitations on the wire. Who may is decided in `Invitations`. */
@AdminController()
export class InvitationsController {
  constructor(private readonly invitations: Invitations) {}

  @Handles('POST /invitation/new')
  @Answers('Invites somebody to choose a password', INVITATION)
  @HttpCode(200)
  async create(
    @By() author: Author,
    @AdminBody(newBody) body: z.output<typeof newBody.schema>,
  ): Promise<object> {
    return row(await this.invitations.create(author, body.user_id));
  }

  @Handles('GET /invitation/info')
  @Answers('Shows an invitation', INVITATION)
  async info(@Caller() caller: Principal, @AdminQuery(query) asked: z.output<typeof query>): Promise<object> {
    return row(await this.invitations.get(caller, asked.invitation_id));
  }

  @Handles('POST /invitation/update')
  @Answers('Marks an invitation as accepted', INVITATION)
  @HttpCode(200)
  async update(
    @By() author: Author,
    @AdminBody(updateBody) body: z.output<typeof updateBody.schema>,
  ): Promise<object> {
    return row(await this.invitations.setAccepted(author, body.invitation_id, body.is_accepted));
  }

  @Handles('POST /invitation/delete')
  @Answers('Withdraws an invitation', INVITATION)
  @HttpCode(200)
  async delete(
    @By() author: Author,
    @AdminBody(namedBody) body: z.output<typeof namedBody.schema>,
  ): Promise<object> {
    return row(await this.invitations.delete(author, body.invitation_id));
  }
}

function row(invitation: Invitation): object {
  return {
    id: invitation.id,
    user_id: invitation.userId,
    is_accepted: invitation.acceptedAt !== null,
    accepted_at: toApiTime(invitation.acceptedAt),
    expires_at: toApiTime(invitation.expiresAt),
    created_at: toApiTime(invitation.createdAt),
    created_by: invitation.createdBy,
    updated_at: toApiTime(invitation.updatedAt),
    updated_by: invitation.updatedBy,
  };
}
