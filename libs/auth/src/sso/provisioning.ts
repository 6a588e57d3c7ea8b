import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { Identities } from '#libs/tenancy';
import { claimedRole } from '../sign-in/claimed-roles.js';
import { assertAllowedEmail } from './allowed-email.js';
import { withCopiedClaims } from './copied-claims.js';
import { CustomSso, type UserDefinedValues } from './custom-sso.js';
import type { ExternalIdentity } from './external-identity.js';

/** Where an account says who vouched for it. */
const PROVIDER = 'auth_provider';
const ISSUER = 'auth_issuer';

/**
 * Makes somebody whom an identity provider vouches for a user of ours (contract/auth 5.5), whatever protocol it was proved by.
 * Everything that can refuse is asked before anything is written: who is refused leaves no account behind.
 */
@Injectable()
export class Provisioning {
  constructor(
    private readonly config: Config,
    private readonly identities: Identities,
    private readonly custom: CustomSso,
  ) {}

  /**
   * The account of this identity as it is from now on, made or brought up to date. Throws 401 or 403 when it may not come in, and 409 when
   * its name or address is somebody else's.
   */
  async admit(identity: ExternalIdentity): Promise<User> {
    const { sso, browser } = this.config.signIn;
    assertAllowedEmail(identity.email, sso.allowedEmailDomains);
    this.#assertGroup(identity);
    const said = await this.custom.valuesFor(identity);
    const id = said?.user_id ?? identity.id;
    const email = said?.user_email?.toLowerCase() ?? identity.email;
    const found = await this.identities.findUser(id, email, identity.subject);
    if (found) assertSamePerson(found, identity, id, email);
    const isProxyAdmin = browser.adminUserId !== undefined && browser.adminUserId === (found?.id ?? id);
    const role = isProxyAdmin
      ? 'proxy_admin'
      : (said?.user_role ?? identity.role ?? (await this.#ownRoleOf(identity)));
    this.#assertRole(role ?? found?.role ?? this.config.people.newUser.signInRole);
    const user = found
      ? await this.#update(found, identity, email, role)
      : await this.identities.ensureUser(id, email, this.#newUser(identity, said, role));
    // Of two first sign-ins at once the second finds an account, which must be its own.
    if (!found) assertSamePerson(user, identity, id, email);
    await this.#join(user.id, identity);
    return user;
  }

  /** An address that another account has by now stays that account's. */
  async #update(
    user: User,
    identity: ExternalIdentity,
    email: string | undefined,
    role: string | undefined,
  ): Promise<User> {
    const alias = user.alias ?? aliasOf(identity);
    const owner = email === undefined ? null : await this.identities.findUser(undefined, email);
    const isFree = email !== undefined && (owner === null || owner.id === user.id);
    return this.identities.updateUser(user, {
      ...(isFree ? { email } : {}),
      ...(alias === undefined ? {} : { alias }),
      ...(role === undefined ? {} : { role }),
      ssoUserId: identity.subject,
      metadata: this.#metadata(user.metadata, identity),
    });
  }

  #newUser(
    identity: ExternalIdentity,
    said: UserDefinedValues | undefined,
    role: string | undefined,
  ): Parameters<Identities['ensureUser']>[2] {
    const alias = aliasOf(identity);
    return {
      role: role ?? this.config.people.newUser.signInRole,
      ssoUserId: identity.subject,
      metadata: this.#metadata({}, identity),
      ...(alias === undefined ? {} : { alias }),
      ...(said?.models === undefined ? {} : { models: said.models }),
      ...(said?.max_budget === undefined ? {} : { capNanoUsd: said.max_budget }),
      ...(said?.budget_duration === undefined ? {} : { budgetDuration: said.budget_duration }),
    };
  }

  #metadata(before: Readonly<Record<string, unknown>>, identity: ExternalIdentity): Record<string, unknown> {
    return {
      ...withCopiedClaims(before, identity.claims, this.config.signIn.sso),
      [PROVIDER]: identity.provider,
      [ISSUER]: identity.issuer,
    };
  }

  async #join(userId: string, { teams }: ExternalIdentity): Promise<void> {
    if (teams === undefined) return;
    for (const { id, alias, isMade } of teams) if (isMade) await this.identities.teams.ensure(id, alias);
    const ids = teams.map(({ id }) => id);
    if (this.config.signIn.sso.syncsTeams) await this.identities.teams.sync(userId, ids);
    else await this.identities.teams.joinAll(userId, ids);
  }

  async #ownRoleOf({ otherRoles }: ExternalIdentity): Promise<string | undefined> {
    return (await claimedRole(this.config.roles, this.identities, otherRoles)).role;
  }

  #assertGroup({ groups }: ExternalIdentity): void {
    const { access } = this.config.signIn.sso;
    if (access.to !== 'group' || groups.includes(access.group)) return;
    throw new GatewayError(
      'rbac.forbidden',
      `User is not in the restricted SSO group: ${access.group}. Ask your administrator to be added to it.`,
      { param: 'restricted_sso_group' },
    );
  }

  #assertRole(role: string): void {
    if (this.config.signIn.sso.access.to !== 'admins' || role.startsWith('proxy_admin')) return;
    const error = 'User not allowed to access proxy: the console is open to administrators only.';
    throw new GatewayError('rbac.admin_only', error, { param: 'None', detail: { error } });
  }
}

/**
 * Names and addresses are given to others when people leave, and at some providers chosen by people themselves. An account that knows its
 * subject is therefore entered by no other subject of that issuer, whatever name or address it comes with; one that knows none yet is
 * entered by a name only while the addresses do not contradict it.
 */
function assertSamePerson(
  user: User,
  { subject, issuer }: ExternalIdentity,
  id: string,
  email: string | undefined,
): void {
  if (user.blocked || !user.scimActive)
    throw new GatewayError(
      'auth.user_blocked',
      'Authentication Error, this account is blocked or deactivated.',
      {
        param: 'None',
      },
    );
  const { ssoUserId: known, email: address, metadata } = user;
  const vouchedBy = metadata[ISSUER];
  if (known === subject) return;
  if (known === null) {
    if (address === null || email === undefined || address.toLowerCase() === email) return;
    throw anotherPerson('its e-mail address is another one');
  }
  // The operator has moved to another provider, where everybody has another subject.
  if (typeof vouchedBy === 'string' && vouchedBy !== issuer) return;
  // Written before subjects were: by a token's configured claim, or by an import.
  if (typeof vouchedBy !== 'string' && (known === id || known === email)) return;
  throw anotherPerson('an administrator can release it by clearing its sso_user_id');
}

function anotherPerson(why: string): GatewayError {
  return new GatewayError(
    'auth.token_invalid',
    `Authentication Error, the account of this name belongs to another identity: ${why}.`,
    { param: 'sso_user_id' },
  );
}

function aliasOf({ displayName, firstName, lastName }: ExternalIdentity): string | undefined {
  const name = [firstName, lastName].filter((part) => part !== undefined).join(' ');
  return displayName ?? (name === '' ? undefined : name);
}
