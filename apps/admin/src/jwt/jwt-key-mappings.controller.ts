import { HttpCode } from '@nestjs/common';
import type { JwtKeyMapping } from '#libs/database';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, JwtKeyMappings } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { pagesOf, toApiTime } from '../http/wire.js';
import {
  keyHashOf,
  mappingChangeBody,
  type MappingChangeBody,
  mappingIdBody,
  type MappingIdBody,
  mappingListQuery,
  mappingQuery,
  newMappingBody,
  type NewMappingBody,
} from './jwt-key-mappings.schemas.js';

const MAPPING = z.object({
  id: z.string(),
  jwt_issuer: z.string(),
  jwt_claim_name: z.string(),
  jwt_claim_value: z.string(),
  description: z.string().nullable(),
  is_active: z.boolean(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  created_by: z.string().nullable(),
  updated_by: z.string().nullable(),
});
const PAGE = z.object({
  mappings: z.array(MAPPING),
  total_count: z.number(),
  current_page: z.number(),
  total_pages: z.number(),
});

/** Claims of signed tokens that stand for virtual keys. No answer says which secret a key has, not even its hash. */
@AdminController()
export class JwtKeyMappingsController {
  constructor(private readonly mappings: JwtKeyMappings) {}

  @Handles('POST /jwt/key/mapping/new')
  @Answers('Lets a claim of signed tokens stand for a virtual key', MAPPING)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newMappingBody) body: NewMappingBody): Promise<object> {
    const keyHash = keyHashOf(body);
    if (keyHash === undefined)
      throw new GatewayError('request.bad_field', "Name the key by 'key' or 'token'.", { param: 'key' });
    const claim = {
      issuer: body.jwt_issuer ?? '',
      name: body.jwt_claim_name,
      value: body.jwt_claim_value,
    };
    return toWire(await this.mappings.create(author, claim, { keyHash, description: body.description }));
  }

  @Handles('POST /jwt/key/mapping/update')
  @Answers('Changes what is sent of a mapping', MAPPING)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(mappingChangeBody) body: MappingChangeBody): Promise<object> {
    return toWire(
      await this.mappings.update(author, body.id, {
        issuer: body.jwt_issuer,
        name: body.jwt_claim_name,
        value: body.jwt_claim_value,
        keyHash: keyHashOf(body),
        description: body.description,
        isActive: body.is_active,
      }),
    );
  }

  @Handles('POST /jwt/key/mapping/delete')
  @Answers('Takes a mapping back', z.object({ status: z.literal('success') }))
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(mappingIdBody) body: MappingIdBody): Promise<object> {
    await this.mappings.delete(author, body.id);
    return { status: 'success' };
  }

  @Handles('GET /jwt/key/mapping/list')
  @Answers('Lists mappings, the newest first', PAGE)
  async list(
    @Caller() caller: Principal,
    @AdminQuery(mappingListQuery) { page, size }: z.output<typeof mappingListQuery>,
  ): Promise<object> {
    const { rows, total } = await this.mappings.list(caller, page, size);
    return {
      mappings: rows.map(toWire),
      total_count: total,
      current_page: page,
      total_pages: pagesOf(total, size),
    };
  }

  @Handles('GET /jwt/key/mapping/info')
  @Answers('Shows a mapping', MAPPING)
  async info(
    @Caller() caller: Principal,
    @AdminQuery(mappingQuery) { id }: z.output<typeof mappingQuery>,
  ): Promise<object> {
    return toWire(await this.mappings.find(caller, id));
  }
}

function toWire(row: JwtKeyMapping): z.output<typeof MAPPING> {
  return {
    id: row.id,
    jwt_issuer: row.jwtIssuer,
    jwt_claim_name: row.jwtClaimName,
    jwt_claim_value: row.jwtClaimValue,
    description: row.description,
    is_active: row.isActive,
    created_at: toApiTime(row.createdAt),
    updated_at: toApiTime(row.updatedAt),
    created_by: row.createdBy,
    updated_by: row.updatedBy,
  };
}
