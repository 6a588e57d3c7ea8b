import { Injectable } from '@nestjs/common';
import { checkedReturnTo, type SignInPlace } from '#libs/auth';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Network } from '#libs/rbac';
import type { Request, Response } from 'express';
import { placeOf } from '../http/place.js';

/** What every route of signing in asks of its request. */
@Injectable()
export class SignInRequests {
  constructor(
    private readonly network: Network,
    private readonly config: Config,
  ) {}

  placeOf(request: Request, response: Response): SignInPlace {
    return placeOf(this.network, request, response);
  }

  /** A path of ours as the browser has to ask for it. */
  path(path: string): string {
    return this.config.server.rootPath + path;
  }

  /** Undefined when there is none. Throws 400 for one that leads away. */
  returnTo(wanted: unknown): string | undefined {
    const text = textOf(wanted);
    return text === undefined || text === ''
      ? undefined
      : checkedReturnTo(text, this.config.signIn.browser.controlPlaneUrl);
  }

  /** For pages whose forms may end at the operator's control plane. */
  get formTargets(): readonly string[] {
    const { controlPlaneUrl } = this.config.signIn.browser;
    return controlPlaneUrl === undefined ? [] : [new URL(controlPlaneUrl).origin];
  }

  get logoutUrl(): string | undefined {
    return this.config.signIn.browser.logoutUrl;
  }

  /** For pages with a button to sign out. */
  get logoutTargets(): readonly string[] {
    return this.logoutUrl === undefined ? [] : [new URL(this.logoutUrl).origin];
  }
}

/** A value of a query or a form. Undefined when it is not there, or there more than once. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Fields of a form that `formBody` has read. */
export function formOf(request: Request): Readonly<Record<string, string>> {
  return (request.body ?? {}) as Record<string, string>;
}

/** What a person reads; defects and outages say nothing about themselves. */
export function sentenceOf(thrown: unknown): { readonly text: string; readonly status: number } {
  if (!(thrown instanceof GatewayError)) throw thrown;
  return { text: thrown.publicMessage, status: thrown.status };
}
