import { Injectable } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import type { BeginRecord } from '#libs/budget';
import { Network } from '#libs/rbac';
import type { Deployment } from '#libs/routing';
import { Pseudonyms } from '#libs/telemetry';
import type { Call } from './call.js';
import type { Asked } from './entrance.js';
import { PromptLog, type Recording } from './prompt-log.js';

/** What a call leaves behind beside its cost: where it came from, and, where the operator wants that, what was said. */
@Injectable()
export class Traces {
  constructor(
    private readonly network: Network,
    private readonly pseudonyms: Pseudonyms,
    private readonly prompts: PromptLog,
    private readonly journal: AccessJournal,
  ) {}

  /** A stored credential is about to be used; the first time each day is recorded. */
  using({ credentialName }: Deployment): void {
    if (credentialName !== undefined) this.journal.credentialUsed(credentialName);
  }

  addressOf(call: Call): string | null {
    const { remoteAddress } = call.request.socket;
    return this.pseudonyms.of(
      'ip',
      this.network.clientAddress(remoteAddress, call.header('x-forwarded-for')) ?? null,
    );
  }

  agentOf({ headers }: Asked): string | null {
    return this.pseudonyms.of('agent', headers.userAgent);
  }

  /** Undefined when nothing of what is said may be kept. */
  record(call: Call, asked: Asked, begin: BeginRecord): Recording | undefined {
    return this.prompts.record(call, asked, begin);
  }
}
