import { ROLES } from '#libs/kernel';
import { policyOf, ROUTE_GROUPS } from '../policy.js';
import type { DescribedRoute } from './described-route.js';

const WHOSE: Readonly<Record<string, string>> = {
  none: '',
  own_keys: 'own keys, and those of places one administers',
  own_user: 'oneself',
  own_teams: 'own teams',
  own_spend: 'own spend',
  visible_models: 'models one may call',
};

const INTRODUCTION = `# Permissions

Made from the policy table (\`libs/rbac/src/policy\`) and the handlers, the same rows that the guards and \`/openapi.json\` use: change them
there, then run \`npm run docs\`. A test fails while this page is behind.

- **open to**: \`everybody\` needs no credential; \`any caller\` any valid one; else the roles that reach the handler. The master key is
  \`proxy_admin\`. A key's role is its user's; without a user it is \`team\`; pinned to a customer it is \`customer\`.
- **whose**: what a caller who is no proxy administrator finds behind it. What is not his answers as if it were not there.
- **costs**: the call may reach a provider, so limits and budgets apply.
- \`allowed_routes\` of a key, \`general_settings.allowed_routes\`, \`admin_only_routes\`, \`role_permissions\` and custom roles narrow this table; nothing
  but a path in a key's \`allowed_routes\`, which only a proxy administrator can set, widens it.
- Administrators of teams and organizations act through the rows marked with their places: see \`libs/tenancy\`.
`;

/** docs/permissions.md: the policy table for people. */
export function permissionsPage(routes: readonly DescribedRoute[]): string {
  const sorted = routes.toSorted(
    (one, other) =>
      pathOf(one).localeCompare(pathOf(other), 'en') || one.route.localeCompare(other.route, 'en'),
  );
  const rows = sorted.map(({ route, answer }) => {
    const { access, ownership, reachesProvider, audits } = policyOf(route);
    return `| \`${route}\` | ${answer?.summary ?? ''} | ${audienceOf(access)} | ${WHOSE[ownership] ?? ownership.replaceAll('_', ' ')} | ${reachesProvider ? 'yes' : ''} | ${audits === undefined ? '' : `\`${audits}\``} |`;
  });
  const groups = ROUTE_GROUPS.map((group) => {
    const members = sorted
      .filter(({ route }) => policyOf(route).groups.includes(group))
      .map(({ route }) => `\`${route}\``);
    return `- \`${group}\`: ${members.join(', ') || 'no route yet'}`;
  });
  const roles = ROLES.map((role) => {
    const open = sorted.filter(({ route }) => isOpenTo(policyOf(route).access, role));
    return `| \`${role}\` | ${open.length} of ${sorted.length} |`;
  });
  return [
    INTRODUCTION,
    '## Roles\n',
    '| role | routes it reaches |\n|---|---|',
    ...roles,
    '\n## Routes\n',
    '| route | what it does | open to | whose | costs | audit |\n|---|---|---|---|---|---|',
    ...rows,
    '\n## Groups\n\nNames for `allowed_routes`, `role_permissions` and custom roles.\n',
    ...groups,
    '',
  ].join('\n');
}

type Audience = ReturnType<typeof policyOf>['access'];

function isOpenTo(access: Audience, role: (typeof ROLES)[number]): boolean {
  // Proxy administrators reach what anybody reaches.
  return typeof access === 'string' || role === 'proxy_admin' || access.includes(role);
}

function audienceOf(access: Audience): string {
  if (access === 'public') return 'everybody';
  if (access === 'any_caller') return 'any caller';
  if (access === 'metrics') return 'any caller, or everybody';
  return access.map((role) => `\`${role}\``).join(', ');
}

function pathOf({ route }: DescribedRoute): string {
  return route.slice(route.indexOf(' ') + 1);
}
