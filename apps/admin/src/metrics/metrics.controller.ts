import { type ArgumentsHost, Catch, Controller, type ExceptionFilter, Res, UseFilters } from '@nestjs/common';
import { errorAnswer, toGatewayError } from '#libs/http';
import { Answers, Handles } from '#libs/rbac';
import { Metrics } from '#libs/telemetry';
import type { Response } from 'express';

/** Scrapers of the drop-in contract read a bare JSON string when they are refused. */
@Catch()
export class MetricsRefusal implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const error = toGatewayError(thrown);
    const answer = errorAnswer(error, 'openai');
    const response = host.switchToHttp().getResponse<Response>();
    response
      .status(answer.status)
      .set(answer.headers)
      .json(error.status === 401 ? error.publicMessage : answer.body);
  }
}

/** The page for Prometheus. Whether it wants a credential is the policy's to know. */
@Controller()
@UseFilters(MetricsRefusal)
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Handles('GET /metrics', 'GET /metrics/')
  @Answers('Figures for Prometheus', null, { mediaType: 'text/plain' })
  async page(@Res() response: Response): Promise<void> {
    response.setHeader('content-type', this.metrics.contentType);
    response.end(await this.metrics.render());
  }
}
