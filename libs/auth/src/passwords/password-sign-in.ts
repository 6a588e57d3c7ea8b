import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { Identities, signingIn, UserPasswords } from '#libs/tenancy';
import { ENVIRONMENT, type ProvenIdentity, type SignInPlace } from '../session/browser-sign-in.js';
import { isEnvironmentAdmin } from '../session/environment-admin.js';
import { LoginLockOut } from './login-lock-out.js';

/** Who somebody is, by name and password: the administrator of the environment, or a stored user by e-mail address. */
@Injectable()
export class PasswordSignIn {
  constructor(
    private readonly config: Config,
    private readonly identities: Identities,
    private readonly passwords: UserPasswords,
    private readonly lockOut: LoginLockOut,
  ) {}

  /**
   * Throws the same 401 for a name that is not there, one without a password, a wrong password and a blocked account: an answer
   * that told them apart would list the accounts. `onlyEnvironment`: passwords of stored
   * users are switched off, and 403 says so.
   */
  async prove(
    username: string,
    password: string,
    place: SignInPlace,
    { onlyEnvironment = false }: { onlyEnvironment?: boolean } = {},
  ): Promise<ProvenIdentity> {
    const attempt = await this.lockOut.begin(place.ip ?? 'unknown', username);
    const proven =
      this.#environment(username, password) ??
      (onlyEnvironment ? undefined : await this.#stored(username, password, place));
    if (proven === undefined) {
      await attempt.failed();
      if (onlyEnvironment)
        throw new GatewayError(
          'rbac.forbidden',
          'Passwords are switched off here: sign in with your provider.',
          {
            param: 'None',
          },
        );
      throw new GatewayError(
        'auth.password_wrong',
        'Invalid credentials: the name or the password is wrong.',
        {
          param: 'invalid_credentials',
        },
      );
    }
    await attempt.succeeded();
    return proven;
  }

  /** Throws 400 unless this is the user's password; failing counts as failing to sign in does, or a stolen session could guess. */
  async confirm(user: User, password: string, place: SignInPlace): Promise<void> {
    const attempt = await this.lockOut.begin(place.ip ?? 'unknown', user.email ?? user.id);
    const author = signingIn(user.id, place.ip, place.requestId);
    if (await this.passwords.isRight(author, user, password)) return attempt.succeeded();
    await attempt.failed();
    const message = 'The current password is wrong.';
    throw new GatewayError('request.bad_field', message, {
      param: 'current_password',
      detail: { error: message },
    });
  }

  #environment(username: string, password: string): ProvenIdentity | undefined {
    const admin = this.config.signIn.browser.environmentAdmin;
    if (admin === undefined || !isEnvironmentAdmin(this.config, username, password)) return undefined;
    return { userId: admin.userId, method: ENVIRONMENT };
  }

  async #stored(username: string, password: string, place: SignInPlace): Promise<ProvenIdentity | undefined> {
    const email = username.trim();
    const user = email === '' ? null : await this.identities.findUser(undefined, email);
    const author = signingIn(user?.id ?? 'unknown', place.ip, place.requestId);
    const isRight = await this.passwords.isRight(author, user, password);
    if (!isRight || user === null || user.blocked || user.metadata['scim_active'] === false) return undefined;
    return { userId: user.id, method: 'password', mustChangePassword: user.passwordResetRequired };
  }
}
