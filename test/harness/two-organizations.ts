import { type Answer, GovernedProduct, type Json } from './governed-product.js';

/** A product with two organizations, `org-a` and `org-b`, each with people, a team and keys: enough to try one against the other. */
export class Tenants {
  /** Raw keys by whose they are: `boss-a` administers the organization, `lead-a` its team, `member-a` is in it, `solo-a` in none. */
  readonly keys: Record<string, string> = {};

  private constructor(readonly product: GovernedProduct) {}

  static async start(): Promise<Tenants> {
    const product = await GovernedProduct.start((provider) => ({
      model_list: ['m', 'n'].map((model_name) => ({
        model_name,
        litellm_params: {
          model: 'openai/up',
          api_base: provider.url,
          api_key: 'sk-upstream',
          input_cost_per_token: 0.001,
          output_cost_per_token: 0.001,
        },
      })),
      general_settings: { team_admin_editable_team_fields: ['tpm_limit', 'max_budget'] },
      litellm_settings: { default_internal_user_params: { available_teams: ['open'] } },
    }));
    const tenants = new Tenants(product);
    try {
      for (const tenant of ['a', 'b']) await tenants.#make(tenant);
      await product.admin('/team/new', { team_id: 'open' });
    } catch (error) {
      await product.dispose();
      throw error;
    }
    return tenants;
  }

  /** A request with somebody's key; with the master key for names nobody has. */
  by(who: string, method: string, path: string, body?: object): Promise<Answer> {
    return this.product.ask(method, path, body, this.keys[who] ?? this.product.product.masterKey);
  }

  admin(path: string, body?: object): Promise<Json> {
    return this.product.admin(path, body);
  }

  async #make(tenant: string): Promise<void> {
    const organization = `org-${tenant}`;
    await this.admin('/organization/new', {
      organization_id: organization,
      organization_alias: tenant,
      models: ['m'],
      max_budget: 100,
      rpm_limit: 1000,
    });
    for (const person of ['boss', 'lead', 'member', 'solo']) {
      const id = `${person}-${tenant}`;
      const email = `${person}@${tenant}.org`;
      const made = await this.admin('/user/new', {
        user_id: id,
        user_email: email,
        organizations: [organization],
      });
      this.keys[id] = made['key'] as string;
    }
    const boss = { organization_id: organization, user_id: `boss-${tenant}`, role: 'org_admin' };
    await this.product.ask('PATCH', '/organization/member_update', boss);
    await this.admin('/team/new', {
      team_id: `team-${tenant}`,
      organization_id: organization,
      models: ['m'],
      max_budget: 50,
      rpm_limit: 100,
      members_with_roles: [
        { role: 'admin', user_id: `lead-${tenant}` },
        { role: 'user', user_id: `member-${tenant}` },
      ],
    });
  }
}
