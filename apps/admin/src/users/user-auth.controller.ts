import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminController } from '../http/decorators.js';

/**
 * The route that `general_settings.allow_user_auth` gates, and all that it gates. Behind it was a sign-in by a mailed link;
 * as in LiteLLM today nothing is served there, so that the answer tells which of the two is missing.
 */
@AdminController()
export class UserAuthController {
  constructor(private readonly config: Config) {}

  @Handles('POST /user/auth')
  @Answers('Signs nobody in: 403 without `allow_user_auth`, else 404', z.never())
  refuse(): never {
    if (!this.config.auth.allowUserAuth)
      throw new GatewayError(
        'rbac.forbidden',
        'This proxy does not let users sign in here. Set general_settings.allow_user_auth to open the route.',
        { param: 'None' },
      );
    throw new GatewayError('request.not_found', 'Signing in by a mailed link is not served.', {
      detail: 'Not Found',
    });
  }
}
