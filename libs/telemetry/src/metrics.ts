import { DEPLOYMENT_LABELS, KEY_LABELS, REQUEST_LABELS, requestLabels } from './metric-labels.js';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { LRUCache } from 'lru-cache';
import { labelText, type LatencyHistogram } from './histogram.js';
import {
  type DeploymentLabels,
  DeploymentSeries,
  type RequestLabels,
  RequestSeries,
} from './metric-series.js';

/**
 * Combinations of labels kept apart in one process. Callers choose model names and there may be any number of keys, so
 * what comes later is counted together under the label value `other`: totals stay true, memory stays bounded.
 */
export const MAX_REQUEST_SERIES = 1000;
const MAX_DEPLOYMENT_SERIES = 500;
/** Gauges of remaining money, for the keys used most recently. */
const MAX_BUDGET_SERIES = 1000;

const OTHER: RequestLabels = { route: 'other', requestedModel: 'other', model: 'other' };

interface KeyBudget {
  alias: string;
  remainingUsd: number;
  maxUsd: number;
}

/**
 * The product's metrics under LiteLLM's names. Recording adds to plain numbers; labels and text are made when the page
 * is asked for. One instance a process, with a registry of its own.
 */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #requests = new Map<string, RequestSeries>();
  readonly #deployments = new Map<string, DeploymentSeries>();
  readonly #budgets = new LRUCache<string, KeyBudget>({ max: MAX_BUDGET_SERIES });
  #inFlight = 0;

  constructor(options: { readonly processMetrics: boolean } = { processMetrics: true }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry });
    this.#declareRequests();
    this.#declareDeployments();
    this.#declareBudgets();
  }

  requestStarted(): void {
    this.#inFlight += 1;
  }
  requestEnded(): void {
    this.#inFlight -= 1;
  }

  /** The totals to record a request into: the same object for the same labels. */
  requests(labels: RequestLabels): RequestSeries {
    const key = `${labels.route}\n${labels.requestedModel}\n${labels.model}\n${labels.hashedApiKey ?? ''}\n${labels.user ?? ''}\n${labels.team ?? ''}`;
    const known = this.#requests.get(key);
    if (known) return known;
    if (this.#requests.size >= MAX_REQUEST_SERIES && labels !== OTHER) return this.requests(OTHER);
    const series = new RequestSeries(requestLabels(labels));
    this.#requests.set(key, series);
    return series;
  }

  /** The totals of one deployment; past the bound, those of all further ones together. */
  deployment(labels: DeploymentLabels): DeploymentSeries {
    const known = this.#deployments.get(labels.id);
    if (known) return known;
    const full = this.#deployments.size >= MAX_DEPLOYMENT_SERIES;
    if (full && labels.id !== 'other')
      return this.deployment({ id: 'other', model: 'other', provider: 'other', apiBase: 'other' });
    const series = new DeploymentSeries({
      litellm_model_name: labels.model,
      model_id: labels.id,
      api_base: labels.apiBase,
      api_provider: labels.provider,
    });
    this.#deployments.set(labels.id, series);
    return series;
  }

  /** What a key may still spend in its current period. */
  setKeyBudget(hashedApiKey: string, alias: string, remainingUsd: number, maxUsd: number): void {
    const known = this.#budgets.get(hashedApiKey);
    if (!known) {
      this.#budgets.set(hashedApiKey, { alias, remainingUsd, maxUsd });
      return;
    }
    known.alias = alias;
    known.remainingUsd = remainingUsd;
    known.maxUsd = maxUsd;
  }

  /** A gauge that is read when the page is asked for: queue sizes, pool sizes. Each name once. */
  observe(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** The page for Prometheus. */
  async render(): Promise<string> {
    return `${await this.#registry.metrics()}${this.#histograms()}`;
  }

  #declareRequests(): void {
    this.observe('litellm_in_flight_requests', 'Requests being answered now', () => this.#inFlight);
    this.#counter(
      'litellm_proxy_total_requests_metric_total',
      'Requests answered, by status',
      [...REQUEST_LABELS, 'status_code'],
      (add) => {
        for (const series of this.#requests.values()) {
          for (const [status, count] of series.statuses)
            add({ ...series.labels, status_code: String(status) }, count);
        }
      },
    );
    const failureLabels = [...REQUEST_LABELS, 'exception_status', 'exception_class'];
    this.#counter(
      'litellm_proxy_failed_requests_metric_total',
      'Requests that failed, by status and error code',
      failureLabels,
      (add) => {
        for (const series of this.#requests.values()) {
          for (const [failure, count] of series.failures) {
            const [status = '', code = ''] = failure.split(' ');
            add({ ...series.labels, exception_status: status, exception_class: code }, count);
          }
        }
      },
    );
    this.#sum('litellm_requests_metric_total', 'Requests answered', (series) => sumOf(series.statuses));
    this.#sum('litellm_spend_metric_total', 'Money spent, in dollars', (series) => series.spendUsd);
    this.#sum(
      'litellm_total_tokens_metric_total',
      'Tokens, input and output',
      (series) => series.inputTokens + series.outputTokens,
    );
    this.#sum('litellm_input_tokens_metric_total', 'Input tokens', (series) => series.inputTokens);
    this.#sum('litellm_output_tokens_metric_total', 'Output tokens', (series) => series.outputTokens);
  }

  #declareDeployments(): void {
    const all = (): Iterable<DeploymentSeries> => this.#deployments.values();
    this.#counter(
      'litellm_deployment_success_responses_total',
      'Answers of a deployment that succeeded',
      DEPLOYMENT_LABELS,
      (add) => {
        for (const series of all()) add(series.labels, series.successes);
      },
    );
    this.#counter(
      'litellm_deployment_failure_responses_total',
      'Calls to a deployment that failed, by status',
      [...DEPLOYMENT_LABELS, 'exception_status'],
      (add) => {
        for (const series of all())
          for (const [status, count] of series.failures)
            add({ ...series.labels, exception_status: String(status) }, count);
      },
    );
    this.#counter(
      'litellm_deployment_total_requests_total',
      'Calls to a deployment',
      DEPLOYMENT_LABELS,
      (add) => {
        for (const series of all()) add(series.labels, series.successes + sumOf(series.failures));
      },
    );
    this.#counter(
      'litellm_deployment_cooled_down_total',
      'Times a deployment was set aside',
      DEPLOYMENT_LABELS,
      (add) => {
        for (const series of all()) add(series.labels, series.cooldowns);
      },
    );
    this.#gauge(
      'litellm_deployment_state',
      '0 healthy, 1 partial outage, 2 complete outage',
      DEPLOYMENT_LABELS,
      (set) => {
        for (const series of all()) set(series.labels, series.state);
      },
    );
  }

  #declareBudgets(): void {
    const each = (value: (budget: KeyBudget) => number) => (set: SetValue) => {
      for (const [hash, budget] of this.#budgets.entries())
        set({ hashed_api_key: hash, api_key_alias: budget.alias }, value(budget));
    };
    this.#gauge(
      'litellm_remaining_api_key_budget_metric',
      'Dollars a key may still spend',
      KEY_LABELS,
      each((budget) => budget.remainingUsd),
    );
    this.#gauge(
      'litellm_api_key_max_budget_metric',
      'Dollars a key may spend in a period',
      KEY_LABELS,
      each((budget) => budget.maxUsd),
    );
  }

  #sum(name: string, help: string, value: (series: RequestSeries) => number): void {
    this.#counter(name, help, REQUEST_LABELS, (add) => {
      for (const series of this.#requests.values()) add(series.labels, value(series));
    });
  }

  #counter(
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (add: SetValue) => void,
  ): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        collect((labels, value) => this.inc({ ...labels }, value));
      },
    });
  }

  #gauge(name: string, help: string, labelNames: readonly string[], collect: (set: SetValue) => void): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        collect((labels, value) => this.set({ ...labels }, value));
      },
    });
  }

  /** prom-client keeps a histogram's labels per observation, which costs a request microseconds; ours are written out here. */
  #histograms(): string {
    const histograms: [string, string, (series: RequestSeries) => LatencyHistogram][] = [
      [
        'litellm_request_total_latency_metric',
        'Seconds from the first byte of a request to the last of its answer',
        (series) => series.total,
      ],
      ['litellm_llm_api_latency_metric', 'Seconds the upstream took', (series) => series.upstream],
      [
        'litellm_llm_api_time_to_first_token_metric',
        'Seconds until the first byte of a stream',
        (series) => series.firstByte,
      ],
      ['litellm_overhead_latency_metric', 'Seconds the gateway added', (series) => series.overhead],
    ];
    const all = [...this.#requests.values()].map((series) => [series, labelText(series.labels)] as const);
    return histograms
      .flatMap(([name, help, pick]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} histogram`,
        ...all.flatMap(([series, labels]) => pick(series).lines(name, labels)),
        '',
      ])
      .join('\n');
  }
}

type SetValue = (labels: Readonly<Record<string, string>>, value: number) => void;

function sumOf(counts: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
