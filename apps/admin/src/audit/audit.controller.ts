import { once } from 'node:events';
import { Param, Res } from '@nestjs/common';
import { AuditSearch, exportAudit, InstallationKey, verifyDatabase } from '#libs/audit';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import type { Response } from 'express';
import { DataSource } from 'typeorm';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { pageOfRows } from '../people/people-answers.schemas.js';
import { toAuditPage, toAuditRow, toReportAnswer } from './audit-answers.js';
import { auditQuery, type AuditQuery, toAuditFilter } from './audit.schemas.js';

/** The audit trail on the wire: for reading, for keeping elsewhere, and for checking. */
@AdminController()
export class AuditController {
  constructor(
    private readonly search: AuditSearch,
    private readonly dataSource: DataSource,
    private readonly key: InstallationKey,
    private readonly config: Config,
  ) {}

  @Handles('GET /audit')
  @Answers(
    'Lists what was changed, by whom and when',
    pageOfRows('audit_logs', z.looseObject({ id: z.string() })),
  )
  async list(@AdminQuery(auditQuery) query: AuditQuery): Promise<object> {
    const { events, total } = await this.search.find(toAuditFilter(query));
    return toAuditPage(events, total, query);
  }

  /** JSON lines, as they come out of the store; what `tollgate audit verify --export` reads. */
  @Handles('GET /audit/export')
  @Answers('Exports the audit trail with its proofs, as JSON lines', null, {
    mediaType: 'application/x-ndjson',
  })
  async export(@Res() response: Response): Promise<void> {
    response.setHeader('content-type', 'application/x-ndjson');
    for await (const line of exportAudit(this.dataSource, this.key, this.config.server.dataDir)) {
      if (response.destroyed) return;
      if (!response.write(line)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  }

  /** Judges the whole trail; takes some 50 microseconds a row. */
  @Handles('GET /audit/verify')
  @Answers('Checks that no row of the audit trail was edited, removed or added', z.looseObject({}))
  async verify(): Promise<object> {
    const { dataDir } = this.config.server;
    return toReportAnswer(await verifyDatabase(this.dataSource, { dataDir, key: this.key }));
  }

  @Handles('GET /audit/{id}')
  @Answers('Shows one row of the audit trail', z.looseObject({ id: z.string() }))
  async one(@Param('id') id: string): Promise<object> {
    const event = await this.search.byId(id);
    if (event) return toAuditRow(event);
    const message = `There is no audit log ${id.slice(0, 100)}.`;
    throw new GatewayError('request.not_found', message, { detail: { message } });
  }
}
