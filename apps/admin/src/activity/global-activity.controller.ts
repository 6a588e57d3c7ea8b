import { DailySums, Views } from '#libs/budget';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { toChart } from './activity-answers.js';
import { type ChartQuery, chartQuery, daysOf } from './activity.schemas.js';

const MOST_MODELS = 10;
import {
  cacheChartShape,
  chartShape,
  failureChartShape,
  failureChartsShape,
  modelChartsShape,
} from '../spend/spend-shapes.js';

/** Charts of how much was called; whoever is no administrator sees the part that is its own. */
@AdminController()
@ReadsApart()
export class GlobalActivityController {
  constructor(
    private readonly sums: DailySums,
    private readonly views: Views,
  ) {}

  @Handles('GET /global/activity')
  @Answers('Charts calls and tokens day by day', chartShape)
  async all(@Caller() caller: Principal, @AdminQuery(chartQuery) query: ChartQuery): Promise<object> {
    return toChart(await this.sums.sum({ ...(await this.#filter(caller, query)), by: ['day'] }));
  }

  /** The ten models that were called most. */
  @Handles('GET /global/activity/model')
  @Answers('Charts calls and tokens of the models called most', modelChartsShape)
  async byModel(
    @Caller() caller: Principal,
    @AdminQuery(chartQuery) query: ChartQuery,
  ): Promise<readonly object[]> {
    const rows = await this.sums.sum({ ...(await this.#filter(caller, query)), by: ['day', 'model_group'] });
    const models = Map.groupBy(rows, ({ model_group }) => model_group);
    return [...models]
      .map(([model, days]) => ({ model, ...toChart(days) }))
      .toSorted((a, b) => b.sum_api_requests - a.sum_api_requests)
      .slice(0, MOST_MODELS);
  }

  /** Answers are not cached, so nothing was ever answered from a cache. */
  @Handles('GET /global/activity/cache_hits')
  @Answers('Charts answers from a cache, of which there are none', cacheChartShape)
  async cacheHits(@Caller() caller: Principal, @AdminQuery(chartQuery) query: ChartQuery): Promise<object> {
    const chart = toChart(await this.sums.sum({ ...(await this.#filter(caller, query)), by: ['day'] }));
    return {
      daily_data: chart.daily_data.map(({ date, api_requests }) => ({
        date,
        cache_hits: 0,
        total_requests: api_requests,
      })),
      sum_cache_hits: 0,
      sum_api_requests: chart.sum_api_requests,
    };
  }

  /** Calls that failed, day by day. */
  @Handles('GET /global/activity/exceptions')
  @Answers('Charts failed calls day by day', failureChartShape)
  async failures(@Caller() caller: Principal, @AdminQuery(chartQuery) query: ChartQuery): Promise<object> {
    return toFailures(await this.sums.sum({ ...(await this.#filter(caller, query)), by: ['day'] }));
  }

  @Handles('GET /global/activity/exceptions/deployment')
  @Answers('Charts failed calls by model', failureChartsShape)
  async failuresByModel(
    @Caller() caller: Principal,
    @AdminQuery(chartQuery) query: ChartQuery,
  ): Promise<readonly object[]> {
    const rows = await this.sums.sum({
      ...(await this.#filter(caller, query)),
      by: ['day', 'model', 'provider'],
    });
    const models = Map.groupBy(rows, ({ model, provider }) => `${provider}/${model}`);
    return [...models]
      .map(([model, days]) => ({ api_base: model, ...toFailures(days) }))
      .filter(({ sum_num_rate_limit_exceptions }) => sum_num_rate_limit_exceptions > 0)
      .slice(0, MOST_MODELS);
  }

  async #filter(caller: Principal, query: ChartQuery) {
    return { view: await this.views.of(caller), coarse: 'proxy', ...daysOf(query) } as const;
  }
}

function toFailures(rows: readonly { day: string | null; requests: number; successes: number }[]): {
  daily_data: object[];
  sum_num_rate_limit_exceptions: number;
} {
  return {
    daily_data: rows.map(({ day, requests, successes }) => ({
      date: day,
      num_rate_limit_exceptions: requests - successes,
    })),
    sum_num_rate_limit_exceptions: rows.reduce(
      (sum, { requests, successes }) => sum + requests - successes,
      0,
    ),
  };
}
