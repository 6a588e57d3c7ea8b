import type { Config } from '#libs/config';

/** Names of the standard (RFC 7643, 7644). */
export const SCIM_MEDIA_TYPE = 'application/scim+json';
export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const ENTERPRISE_SCHEMA = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';

/** Rows in one answer, at most. */
export const MOST_RESULTS = 200;

/** Where the resources are, as clients of this instance see it. */
export function scimBase({ server }: Pick<Config, 'server'>): string {
  return `${server.rootPath}/scim/v2`;
}
