import { Param } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Handles } from '#libs/rbac';
import { AdminController } from '../http/decorators.js';
import { SCIM_DOCUMENT, scimList } from './scim-answers.schemas.js';
import { ScimAnswers } from './scim-decorators.js';
import { listAnswer } from './scim-lists.js';
import { resourceTypes, schemaDocuments } from './scim-schemas.js';
import { MOST_RESULTS, scimBase } from './scim-words.js';

/** What this server takes, told in the standard's words. */
@AdminController()
export class ScimDiscoveryController {
  readonly #base: string;

  constructor(config: Config) {
    this.#base = scimBase(config);
  }

  @Handles('GET /scim/v2', 'GET /scim/v2/ResourceTypes')
  @ScimAnswers('Says which resources an identity provider finds', scimList(SCIM_DOCUMENT))
  types(): object {
    const types = resourceTypes(this.#base);
    return listAnswer(types, types.length);
  }

  @Handles('GET /scim/v2/ResourceTypes/{id}')
  @ScimAnswers('Describes one resource', SCIM_DOCUMENT)
  type(@Param('id') id: string): object {
    return found(resourceTypes(this.#base), id);
  }

  @Handles('GET /scim/v2/Schemas')
  @ScimAnswers('Lists the schemas of users and groups', scimList(SCIM_DOCUMENT))
  schemas(): object {
    const documents = schemaDocuments(this.#base);
    return listAnswer(documents, documents.length);
  }

  @Handles('GET /scim/v2/Schemas/{id}')
  @ScimAnswers('Shows one schema', SCIM_DOCUMENT)
  schema(@Param('id') id: string): object {
    return found(schemaDocuments(this.#base), id);
  }

  @Handles('GET /scim/v2/ServiceProviderConfig')
  @ScimAnswers('Says what of the standard is served', SCIM_DOCUMENT)
  features(): object {
    return {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
      patch: { supported: true },
      bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
      filter: { supported: true, maxResults: MOST_RESULTS },
      changePassword: { supported: false },
      sort: { supported: false },
      etag: { supported: false },
      authenticationSchemes: [
        {
          type: 'oauthbearertoken',
          name: 'Bearer token',
          description: 'A key whose allowed_routes are ["/scim/*"], made by a proxy administrator',
          primary: true,
        },
      ],
      meta: { resourceType: 'ServiceProviderConfig', location: `${this.#base}/ServiceProviderConfig` },
    };
  }
}

function found<Row extends { readonly id: string }>(rows: readonly Row[], id: string): Row {
  const row = rows.find((each) => each.id === id);
  if (row === undefined) throw new GatewayError('request.not_found', 'There is no such document.');
  return row;
}
