import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Invitation, lockRow, User } from '#libs/database';
import { Clock, GatewayError } from '#libs/kernel';
import { DataSource } from 'typeorm';
import { signingIn } from './authors.js';
import { UserPasswords } from './user-passwords.js';

/** Long enough to think of a password. */
const CLAIM_MS = 15 * 60_000;

export interface OpenedInvitation {
  readonly invitation: Invitation;
  readonly user: User;
  /** Good for setting the password once; stored as its SHA-256. */
  readonly claimToken: string;
}

/** Whoever has the link of an invitation sets the account's first password with it, once. */
@Injectable()
export class InvitationClaims {
  constructor(
    private readonly database: DataSource,
    private readonly passwords: UserPasswords,
    private readonly clock: Clock,
  ) {}

  /** Throws the same 401 for a link that is unknown, used or too old. What was given to an earlier opener is worth nothing from now on. */
  async open(invitationId: string): Promise<OpenedInvitation> {
    const invitation = await this.#findOpen(invitationId);
    const user = invitation && (await this.database.getRepository(User).findOneBy({ id: invitation.userId }));
    if (!invitation || !user) throw badLink();
    const claimToken = randomBytes(32).toString('base64url');
    await this.database.getRepository(Invitation).update(
      { id: invitationId },
      {
        claimHash: hash('sha256', claimToken),
        claimEndsAt: new Date(this.clock.nowMs() + CLAIM_MS),
      },
    );
    return { invitation, user, claimToken };
  }

  /** Sets the password; the link is used from then on, and earlier sessions of the account are over. Throws 401, or 400 for a bad password. */
  async claim(
    claim: {
      readonly invitationId: string;
      readonly userId: string;
      readonly claimToken: string;
      readonly password: string;
    },
    place: { readonly ip: string | null; readonly requestId: string | null },
  ): Promise<User> {
    // Asked before a password is worked on, and again with the row locked.
    this.#assertClaim(await this.#findOpen(claim.invitationId), claim);
    const author = signingIn(claim.userId, place.ip, place.requestId);
    return this.passwords.set(author, claim.userId, claim.password, {
      param: 'password',
      also: async (transaction) => {
        const { manager } = transaction;
        const invitation = await lockRow(manager, Invitation, { id: claim.invitationId });
        this.#assertClaim(invitation, claim);
        const now = new Date(this.clock.nowMs());
        await manager.update(
          Invitation,
          { id: claim.invitationId },
          { acceptedAt: now, claimHash: null, claimEndsAt: null, updatedAt: now, updatedBy: claim.userId },
        );
        await transaction.note('used', 'invitation', claim.userId, {
          before: { isAccepted: false },
          after: { isAccepted: true },
        });
      },
    });
  }

  async #findOpen(id: string): Promise<Invitation | null> {
    const found = await this.database.getRepository(Invitation).findOneBy({ id });
    return found !== null && this.#isOpen(found) ? found : null;
  }

  #isOpen({ acceptedAt, expiresAt }: Invitation): boolean {
    return acceptedAt === null && expiresAt.getTime() > this.clock.nowMs();
  }

  #assertClaim(
    invitation: Invitation | null,
    { userId, claimToken }: { readonly userId: string; readonly claimToken: string },
  ): void {
    const isGood =
      invitation !== null &&
      this.#isOpen(invitation) &&
      invitation.userId === userId &&
      (invitation.claimEndsAt?.getTime() ?? 0) > this.clock.nowMs() &&
      isSame(hash('sha256', claimToken), invitation.claimHash ?? '');
    if (!isGood) throw badLink();
  }
}

function isSame(given: string, wanted: string): boolean {
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}

function badLink(): GatewayError {
  const message = 'This invitation is unknown, used or too old. Ask for a new one.';
  return new GatewayError('auth.token_invalid', message, { param: 'None', detail: { error: message } });
}
