import { Param, Res } from '@nestjs/common';
import { ownView, SpendLog, Views } from '#libs/budget';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import type { Response } from 'express';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { parseQuery } from '../http/request-body.js';
import { pagesOf } from '../http/wire.js';
import { LogRows } from '../privacy/log-rows.js';
import { DailySummary } from './daily-summary.js';
import {
  cursorAfter,
  logRange,
  logsQuery,
  type LogsQuery,
  sessionQuery,
  type SessionQuery,
  spendQuery,
  type SpendQuery,
  toLogFilter,
  toLogPaging,
  toSpendFilter,
} from './spend.schemas.js';
import { logPageShape, logsShape, promptShape } from './spend-shapes.js';

/** The ledger on the wire, call by call. */
@AdminController()
@ReadsApart()
export class SpendController {
  constructor(
    private readonly log: SpendLog,
    private readonly views: Views,
    private readonly summary: DailySummary,
    private readonly rows: LogRows,
  ) {}

  /** With both dates and without `summarize=false`: sums by day; else the calls themselves, the newest first. */
  @Handles('GET /spend/logs')
  @Answers('Lists calls, the newest first, or what they cost day by day', logsShape)
  async logs(
    @Caller() caller: Principal,
    @AdminQuery(spendQuery) query: SpendQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<readonly object[]> {
    const filter = toSpendFilter(query);
    const view = ownView(caller);
    if (query.start_date && query.end_date && query.summarize && filter.requestId === undefined) {
      return this.summary.read(view, filter, query.start_date, query.end_date);
    }
    const { entries, truncated } = await this.log.list(view, filter);
    if (truncated) response.setHeader('x-litellm-spend-logs-truncated', 'true');
    return entries.map(this.rows.of);
  }

  @Handles('GET /spend/logs/v2')
  @Answers('Lists calls page by page, filtered and sorted', logPageShape)
  async page(@Caller() caller: Principal, @AdminQuery(logsQuery) query: LogsQuery): Promise<object> {
    return this.#page(caller, query, true);
  }

  /** The same for the console: one request may be asked for without a range. */
  @Handles('GET /spend/logs/ui')
  @Answers('Lists calls page by page, for the console', logPageShape)
  async consolePage(@Caller() caller: Principal, @AdminQuery(logsQuery) query: LogsQuery): Promise<object> {
    return this.#page(caller, query, !query.request_id);
  }

  /** The calls of one session, the oldest first. */
  @Handles('GET /spend/logs/session/ui')
  @Answers('Lists the calls of one session, the oldest first', logPageShape)
  async session(@Caller() caller: Principal, @AdminQuery(sessionQuery) query: SessionQuery): Promise<object> {
    const view = await this.views.of(caller, '/spend/logs', '/spend/logs/v2');
    const paging = { page: query.page, size: query.page_size, by: 'startTime', direction: 'ASC' } as const;
    const { entries, total } = await this.log.page(view, { sessionId: query.session_id }, paging);
    return {
      data: entries.map(this.rows.of),
      total,
      page: query.page,
      page_size: query.page_size,
      total_pages: pagesOf(total, query.page_size),
    };
  }

  /** What one call asked and was answered, where the operator keeps that; empty members otherwise. */
  @Handles('GET /spend/logs/ui/{request_id}')
  @Answers('Shows what one call asked and was answered, where that is kept', promptShape)
  async prompt(@Caller() caller: Principal, @Param('request_id') requestId: string): Promise<object> {
    const view = await this.views.of(caller, '/spend/logs', '/spend/logs/v2');
    const kept = await this.log.prompt(view, requestId);
    const request = parsed(kept?.request);
    return { messages: messagesOf(request), response: parsed(kept?.response), proxy_server_request: request };
  }

  async #page(caller: Principal, query: LogsQuery, needsRange: boolean): Promise<object> {
    const range = needsRange || query.start_date || query.end_date ? parseQuery(logRange, query) : undefined;
    const view = await this.views.of(caller, '/spend/logs', '/spend/logs/v2');
    const { entries, total, totalIsCapped } = await this.log.page(
      view,
      toLogFilter(query, range),
      toLogPaging(query),
    );
    return {
      data: entries.map((named) => {
        const { messages: _, response: __, ...row } = this.rows.of(named);
        return row;
      }),
      total,
      page: query.page,
      page_size: query.page_size,
      total_pages: pagesOf(total, query.page_size),
      total_is_capped: totalIsCapped,
      next_cursor:
        query.sort_by === 'startTime' && entries.length === query.page_size
          ? cursorAfter(entries.at(-1)?.entry)
          : null,
    };
  }
}

/** What was kept may have been cut: then it is shown as the text it is. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function messagesOf(request: unknown): unknown {
  return typeof request === 'object' && request !== null && 'messages' in request ? request.messages : {};
}
