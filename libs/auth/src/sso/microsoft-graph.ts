import { z } from 'zod';
import type { ExternalTeam } from './external-identity.js';

/** LiteLLM's bound; a page has a hundred groups. */
const MOST_PAGES = 200;
/** All of it together, while somebody waits in front of a browser. */
const TIMEOUT_MS = 15_000;

const page = z.object({
  value: z.array(z.looseObject({})),
  '@odata.nextLink': z.string().optional(),
});
const group = z.object({ '@odata.type': z.string().optional(), id: z.string().min(1) });
const assignment = z.object({
  principalType: z.string(),
  principalId: z.string().min(1),
  principalDisplayName: z.string().nullish(),
});

/**
 * The groups of whoever holds this access token, by Microsoft Graph. With a service principal only the groups that are assigned to it
 * count, and they become teams here; otherwise only teams that exist. Throws when Graph cannot be asked, or says no.
 */
export async function groupsFromGraph(
  { endpoint, servicePrincipalId }: { readonly endpoint: string; readonly servicePrincipalId?: string },
  accessToken: string,
): Promise<ExternalTeam[]> {
  const ask = pages(endpoint, accessToken, AbortSignal.timeout(TIMEOUT_MS));
  const mine: string[] = [];
  for (const value of await ask('/me/memberOf?$select=id,displayName')) {
    const found = group.safeParse(value);
    if (found.success && isGroup(found.data['@odata.type'])) mine.push(found.data.id);
  }
  if (servicePrincipalId === undefined) return mine.map((id) => ({ id, isMade: false }));
  const teams: ExternalTeam[] = [];
  const path = `/servicePrincipals/${encodeURIComponent(servicePrincipalId)}/appRoleAssignedTo`;
  for (const value of await ask(path)) {
    const found = assignment.safeParse(value);
    if (!found.success || found.data.principalType !== 'Group' || !mine.includes(found.data.principalId))
      continue;
    const { principalId: id, principalDisplayName: alias } = found.data;
    if (teams.every((team) => team.id !== id)) teams.push({ id, isMade: true, ...(alias ? { alias } : {}) });
  }
  return teams;
}

function isGroup(type: string | undefined): boolean {
  return type === undefined || type === '#microsoft.graph.group';
}

/** The token goes to the configured endpoint and nowhere else, whatever a page calls its successor. */
function pages(
  endpoint: string,
  accessToken: string,
  signal: AbortSignal,
): (path: string) => Promise<object[]> {
  const { origin } = new URL(endpoint);
  return async (path) => {
    const found: object[] = [];
    let url: string | undefined = endpoint.replace(/\/$/, '') + path;
    for (let count = 0; url !== undefined && count < MOST_PAGES; count += 1) {
      if (new URL(url).origin !== origin) throw new Error('Graph names a next page that is elsewhere');
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
        redirect: 'error',
        signal,
      });
      if (!response.ok) throw new Error(`Graph answers ${response.status}`);
      const read = page.parse(await response.json());
      found.push(...read.value);
      url = read['@odata.nextLink'];
    }
    return found;
  };
}
