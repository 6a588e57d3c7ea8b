import fc from 'fast-check';
import type { Product } from './product.js';

/** What one scope says about a call, in the admin API's words; absent: nothing. */
export interface ScopePolicy {
  readonly models?: readonly string[];
  readonly max_budget?: number;
  readonly rpm_limit?: number;
  readonly tpm_limit?: number;
  readonly max_parallel_requests?: number;
  readonly blocked?: boolean;
}

export interface Policies {
  readonly key: ScopePolicy & { readonly allowed_routes?: readonly string[] };
  readonly team: ScopePolicy | undefined;
  readonly user: ScopePolicy | undefined;
}

/** A change as `would_allow` tells it. */
export interface ToldChange {
  readonly action: string;
  readonly scope: { readonly type: string; readonly id: string } | null;
  readonly field: string | null;
  readonly value: string | number | boolean | null;
}

/** One in six says no: with a dozen of them on the way, calls that pass are about as common as those which do not. */
const rarely = <T>(refuses: readonly T[], allows: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...refuses) },
    { weight: 5, arbitrary: fc.constantFrom(...allows) },
  );

const policy = fc.record<ScopePolicy>(
  {
    models: rarely<readonly string[]>(
      [['dear'], ['no-default-models']],
      [['demo'], ['dear', 'demo'], ['d*']],
    ),
    max_budget: rarely([0, 0.000_001], [50]),
    rpm_limit: rarely([0], [100]),
    tpm_limit: rarely([0], [100_000]),
    max_parallel_requests: rarely([0], [10]),
    blocked: rarely([true], [false]),
  },
  { requiredKeys: [] },
);

/** Any key of nobody, of a team, of a user, or of both. */
export const anyPolicies: fc.Arbitrary<Policies> = fc.record({
  key: fc
    .tuple(
      fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 3, arbitrary: policy }),
      fc.constantFrom(undefined, undefined, undefined, ['/v1/embeddings'], ['llm_api_routes']),
    )
    .map(([one, allowed]) => (allowed === undefined ? one : { ...one, allowed_routes: allowed })),
  team: fc.option(policy, { nil: undefined }),
  user: fc.option(policy, { nil: undefined }),
});

/** A key under these policies, with the rows it needs. */
export class GovernedKey {
  private constructor(
    private readonly product: Product,
    private readonly policies: Policies,
    readonly secret: string,
    readonly hash: string,
  ) {}

  static async make(product: Product, policies: Policies, name: string): Promise<GovernedKey> {
    const { key, team, user } = policies;
    const owners: Record<string, string> = {};
    if (team) {
      owners['team_id'] = `team-${name}`;
      await post(product, '/team/new', { team_id: `team-${name}`, ...team });
      if (team.blocked) await post(product, '/team/block', { team_id: `team-${name}` });
    }
    if (user) {
      owners['user_id'] = `user-${name}`;
      const { blocked, ...fields } = user;
      await post(product, '/user/new', { user_id: `user-${name}`, auto_create_key: false, ...fields });
      if (blocked) await post(product, '/user/update', { user_id: `user-${name}`, blocked });
    }
    const { blocked, ...fields } = key;
    const made = await post(product, '/key/generate', { ...owners, ...fields });
    const secret = String(made['key']);
    const hash = String(made['token']);
    if (blocked) await post(product, '/key/block', { key: hash });
    return new GovernedKey(product, policies, secret, hash);
  }

  /** Does what an administrator would who was told of these changes. */
  async apply(changes: readonly ToldChange[]): Promise<void> {
    for (const change of changes) {
      const type = change.scope?.type ?? '';
      const id = change.scope?.id ?? '';
      if (type !== 'key' && type !== 'team' && type !== 'user')
        throw new Error(`a change that nobody here can make: ${JSON.stringify(change)}`);
      if (change.action === 'unblock' && type !== 'user')
        await post(this.product, `/${type}/unblock`, type === 'key' ? { key: this.hash } : { team_id: id });
      else
        await post(this.product, `/${type}/update`, {
          ...this.#named(type, id),
          ...this.#fields(type, change),
        });
    }
  }

  #named(type: 'key' | 'team' | 'user', id: string): Record<string, string> {
    return type === 'key' ? { key: this.hash } : { [`${type}_id`]: id };
  }

  #fields(type: 'key' | 'team' | 'user', { action, field, value }: ToldChange): Record<string, unknown> {
    switch (action) {
      case 'unblock':
        return { blocked: false };
      case 'grant_model':
        return { models: [...(this.policies[type]?.models ?? []), value] };
      case 'allow_route':
        return { allowed_routes: [...(this.policies.key.allowed_routes ?? []), value] };
      case 'raise_budget':
      case 'raise_limit':
        return { [field ?? '']: Number(value) };
      default:
        throw new Error(`a change that nobody here can make: ${action}`);
    }
  }
}

async function post(product: Product, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await product.request('POST', path, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}
