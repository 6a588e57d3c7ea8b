import { Controller, Res } from '@nestjs/common';
import { DatabaseHealth } from '#libs/database';
import { Draining } from '#libs/http';
import { Answers, Handles } from '#libs/rbac';
import type { Response } from 'express';
import { z } from 'zod';

/** Probes. They never wait for a store, so a store that hangs cannot make the orchestrator kill a process that serves. */
@Controller()
export class HealthController {
  constructor(
    private readonly database: DatabaseHealth,
    private readonly draining: Draining,
  ) {}

  /** Whether the process lives; no store has a say in that. */
  @Handles('GET /health/liveliness', 'GET /health/liveness')
  @Answers('Says whether the process lives; 503 while it leaves', z.string())
  live(@Res() response: Response): void {
    if (this.draining.isDraining) response.status(503).json({ status: 'shutting_down' });
    else response.json("I'm alive!");
  }

  /** Whether to send traffic here: not before the database has answered once, and not while leaving; a later outage is bridged. */
  @Handles('GET /health/readiness')
  @Answers('Says whether to send traffic here', z.looseObject({ status: z.string(), db: z.string() }))
  ready(@Res() response: Response): void {
    const db = this.database.state();
    if (this.draining.isDraining) response.status(503).json({ status: 'shutting_down', db });
    else if (!this.database.isWarm()) response.status(503).json({ status: 'unhealthy', db });
    else response.json({ status: 'healthy', db });
  }
}
