import { Module } from '@nestjs/common';
import { AuthModule } from '#libs/auth';
import { RbacModule } from '#libs/rbac';
import { TenancyModule } from '#libs/tenancy';
import { AdminCalls } from '../http/admin-calls.js';
import { CliSignInController } from './cli-sign-in.controller.js';
import { OnboardingController } from './onboarding.controller.js';
import { PasswordChangeController } from './password-change.controller.js';
import { PasswordSignInController } from './password-sign-in.controller.js';
import { SessionController } from './session.controller.js';
import { SignedInPageController } from './signed-in-page.controller.js';
import { SignInPageController } from './sign-in-page.controller.js';
import { SignInProviders } from './sign-in-providers.js';
import { SignInRequests } from './sign-in-requests.js';
import { SignInSettingsController } from './sign-in-settings.controller.js';

/** How people sign in and out. */
@Module({
  imports: [AuthModule, TenancyModule, RbacModule],
  controllers: [
    PasswordSignInController,
    SignInPageController,
    SignedInPageController,
    SessionController,
    PasswordChangeController,
    OnboardingController,
    CliSignInController,
    SignInSettingsController,
  ],
  providers: [AdminCalls, SignInProviders, SignInRequests],
  exports: [SignInProviders, SignInRequests],
})
export class SignInRoutesModule {}
