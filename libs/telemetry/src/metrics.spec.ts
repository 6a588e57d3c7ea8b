import { describe, expect, it } from 'vitest';
import { parseUsd } from '#libs/kernel';
import { MAX_REQUEST_SERIES, Metrics } from './metrics.js';

const labels = {
  route: '/v1/chat/completions',
  requestedModel: 'gpt',
  model: 'gpt-4o',
  hashedApiKey: 'h1',
  team: 't1',
  user: 'u"1',
};
const quiet = { processMetrics: false };

describe('the metrics page', () => {
  it('has the names dashboards know, with the totals of what was recorded', async () => {
    const metrics = new Metrics(quiet);
    metrics.requestStarted();
    const series = metrics.requests(labels);
    series.record({
      status: 200,
      durationMs: 120,
      upstreamMs: 100,
      firstByteMs: 30,
      inputTokens: 5,
      outputTokens: 7,
      costNanoUsd: parseUsd('0.019'),
    });
    metrics.requests({ ...labels }).record({ status: 429, durationMs: 1, errorCode: 'ratelimit.exceeded' });
    const page = await metrics.render();
    for (const sample of [
      /litellm_proxy_total_requests_metric_total\{[^}]*status_code="200"\} 1/,
      /litellm_proxy_failed_requests_metric_total\{[^}]*exception_status="429",exception_class="ratelimit.exceeded"\} 1/,
      /litellm_requests_metric_total\{[^}]*\} 2/,
      /litellm_spend_metric_total\{[^}]*user="u\\"1"[^}]*\} 0\.019/,
      /litellm_total_tokens_metric_total\{[^}]*\} 12/,
      /litellm_input_tokens_metric_total\{[^}]*\} 5/,
      /litellm_output_tokens_metric_total\{[^}]*\} 7/,
      /litellm_request_total_latency_metric_bucket\{[^}]*le="0.005"\} 1/,
      /litellm_request_total_latency_metric_bucket\{[^}]*le="\+Inf"\} 2/,
      /litellm_llm_api_latency_metric_count\{[^}]*\} 1/,
      /litellm_llm_api_time_to_first_token_metric_sum\{[^}]*\} 0\.03/,
      /litellm_overhead_latency_metric_sum\{[^}]*\} 0\.02/,
      /litellm_in_flight_requests 1/,
    ]) {
      expect(page).toMatch(sample);
    }
    expect(await metrics.render()).toBe(page);
  });

  it('shows deployments, key budgets and queues', async () => {
    const metrics = new Metrics(quiet);
    const deployment = metrics.deployment({
      id: 'd1',
      model: 'gpt-4o',
      provider: 'openai',
      apiBase: 'https://api.example',
    });
    deployment.succeeded();
    deployment.failed(503);
    deployment.cooledDown();
    metrics.setKeyBudget('h1', 'mobile', 3.5, 10);
    metrics.setKeyBudget('h1', 'mobile', 2.5, 10);
    metrics.observe(
      'litellm_in_memory_spend_update_queue_size',
      'Ledger entries not yet in the database',
      () => 4,
    );
    const page = await metrics.render();
    expect(page).toMatch(/litellm_deployment_success_responses_total\{[^}]*model_id="d1"[^}]*\} 1/);
    expect(page).toMatch(/litellm_deployment_failure_responses_total\{[^}]*exception_status="503"\} 1/);
    expect(page).toMatch(/litellm_deployment_total_requests_total\{[^}]*\} 2/);
    expect(page).toMatch(/litellm_deployment_cooled_down_total\{[^}]*\} 1/);
    expect(page).toMatch(/litellm_deployment_state\{[^}]*\} 2/);
    expect(page).toMatch(/litellm_remaining_api_key_budget_metric\{[^}]*\} 2\.5/);
    expect(page).toContain('litellm_in_memory_spend_update_queue_size 4');
  });

  /** The attack: a caller invents model names until the process is out of memory. */
  it('keeps its size when labels never stop being new, and loses no count', async () => {
    const metrics = new Metrics(quiet);
    const requests = MAX_REQUEST_SERIES * 3;
    for (let i = 0; i < requests; i += 1)
      metrics.requests({ ...labels, requestedModel: `invented-${i}` }).record({ status: 400, durationMs: 1 });
    const counts = [
      ...(await metrics.render()).matchAll(/^litellm_requests_metric_total\{.*\} (\d+)$/gm),
    ].map((match) => Number(match[1]));
    expect(counts.length).toBeLessThanOrEqual(MAX_REQUEST_SERIES + 1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(requests);
  });
});
