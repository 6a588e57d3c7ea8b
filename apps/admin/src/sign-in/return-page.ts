import { GatewayError } from '#libs/kernel';
import type { Request, Response } from 'express';
import { sendPage } from '../http/html.js';
import { notePage } from './pages.js';
import type { SignInRequests } from './sign-in-requests.js';

/** Ends a sign-in that comes back from a provider. Refused, a person reads a page, a program the error; the status is the same. */
export async function answerReturn(
  request: Request,
  response: Response,
  requests: SignInRequests,
  finish: () => Promise<void>,
): Promise<void> {
  try {
    await finish();
  } catch (thrown) {
    if (!(thrown instanceof GatewayError) || request.accepts(['json', 'html']) !== 'html') throw thrown;
    response.set(thrown.headers);
    const link = { to: requests.path('/sso/key/generate'), text: 'Sign in again' };
    sendPage(
      response,
      notePage({ title: 'Not signed in', text: thrown.publicMessage, link, status: thrown.status }),
    );
  }
}
