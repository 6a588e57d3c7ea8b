import { HttpCode } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import { withTransaction } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { actorOf, type Author } from '#libs/tenancy';
import { z } from 'zod';
import { DataSource } from 'typeorm';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { Disclosure } from './disclosure.js';
import { Erasure } from './erasure.js';
import { toCertificateAnswer } from './privacy-answers.js';
import { subjectBody, type SubjectBody, subjectOf } from './privacy.schemas.js';

/** What is kept of one person or customer, and how it goes. */
@AdminController()
export class PrivacyController {
  constructor(
    private readonly disclosure: Disclosure,
    private readonly erasure: Erasure,
    private readonly trail: AuditTrail,
    private readonly dataSource: DataSource,
  ) {}

  @Handles('POST /privacy/export')
  @Answers('Collects everything that is known of a person or customer', z.looseObject({}))
  @HttpCode(200)
  async export(@By() author: Author, @AdminBody(subjectBody) body: SubjectBody): Promise<object> {
    const { kind, id } = subjectOf(body);
    const disclosed = await this.disclosure.collect(kind, id);
    await withTransaction(this.dataSource, author.principal, (manager) =>
      this.trail.record(manager, { actor: actorOf(author), action: 'exported', noun: kind, nounId: id }),
    );
    return disclosed;
  }

  /** Takes as long as it takes to read every table; the answer is the certificate. */
  @Handles('POST /privacy/erase')
  @Answers('Erases a person or customer, with a certificate', z.looseObject({}))
  @HttpCode(200)
  async erase(@By() author: Author, @AdminBody(subjectBody) body: SubjectBody): Promise<object> {
    const { kind, id } = subjectOf(body);
    if (kind === 'user' && id === author.principal.user?.id)
      throw new GatewayError(
        'request.unprocessable',
        'Nobody can erase itself: who would hold the certificate?',
        {
          param: 'user_id',
        },
      );
    const certificate = await this.erasure.erase(kind, id, actorOf(author));
    if (certificate.revocation) author.onRevoked?.(certificate.revocation);
    return toCertificateAnswer(certificate);
  }
}
