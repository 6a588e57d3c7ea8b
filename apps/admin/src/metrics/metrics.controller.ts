import { Controller, Res } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { Metrics } from '#libs/telemetry';
import type { Response } from 'express';

/** The page for Prometheus. Whether it wants a credential is the policy's to know. */
@Controller()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Handles('GET /metrics', 'GET /metrics/')
  @Answers('Figures for Prometheus', null, { mediaType: 'text/plain' })
  async page(@Res() response: Response): Promise<void> {
    response.setHeader('content-type', this.metrics.contentType);
    response.end(await this.metrics.render());
  }
}
