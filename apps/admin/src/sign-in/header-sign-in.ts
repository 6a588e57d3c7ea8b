import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HeaderIdentity } from '#libs/auth';
import { Admission } from './admission.js';
import { SignInProviders } from './sign-in-providers.js';

/** Signs people in whom a trusted proxy in front has signed in already (`custom_ui_sso_sign_in_handler`). */
@Injectable()
export class HeaderSignIn implements OnModuleInit {
  constructor(
    private readonly headers: HeaderIdentity,
    private readonly admission: Admission,
    private readonly providers: SignInProviders,
  ) {}

  onModuleInit(): void {
    if (!this.headers.isConfigured) return;
    this.providers.add({
      name: 'custom',
      begin: (request, response, returnTo) =>
        this.admission.admit(request, response, 'custom-sso', async () => ({
          identity: await this.headers.identityOf(request),
          returnTo,
        })),
    });
  }
}
