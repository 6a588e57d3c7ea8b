import { describe, expect, it } from 'vitest';
import { readAlerting } from './alerting.js';
import { Environment } from './environment.js';
import { Findings } from './problems.js';

function read(general: object, variables: Record<string, string> = {}) {
  const findings = new Findings();
  const alerts = readAlerting({ general }, new Environment([variables]), findings);
  return { alerts, findings };
}

describe('alerting', () => {
  it('is off until a channel is named, and has its thresholds', () => {
    const { alerts, findings } = read({});
    expect(alerts).toMatchObject({ channels: [], thresholds: [80, 90, 100] });
    expect(findings.errors).toEqual([]);
  });

  it('reads the channels and where they go from the environment, and repeats no address', () => {
    const { alerts, findings } = read(
      { alerting: ['slack', 'webhook', 'email'], alerting_args: { budget_alert_thresholds: [95, 50] } },
      {
        SLACK_WEBHOOK_URL: 'https://hooks.slack.example/T/hidden-path',
        WEBHOOK_URL: 'https://x.example/hook',
        WEBHOOK_SIGNING_SECRET: 'shared',
        SMTP_HOST: 'mail',
        SMTP_SENDER_EMAIL: 'a@x.org',
      },
    );
    expect(alerts.channels.map(({ name }) => name)).toEqual(['webhook', 'slack', 'email']);
    expect(alerts.thresholds).toEqual([50, 95]);
    expect(JSON.stringify(alerts)).not.toContain('hidden-path');
    expect(findings.notices).toEqual([]);
  });

  it('names what is missing, and starts all the same', () => {
    const { findings } = read({ alerting: ['slack', 'webhook', 'email'] });
    expect(findings.notices.map(({ message }) => message)).toEqual([
      'no alerts go to a webhook: that needs WEBHOOK_URL',
      'no alerts go to Slack: that needs SLACK_WEBHOOK_URL (or alert_to_webhook_url)',
      'no alerts go out by e-mail: that needs SMTP_HOST and SMTP_SENDER_EMAIL',
    ]);
    expect(findings.errors).toEqual([]);
  });

  it('has a Slack channel for each address, for its types', () => {
    const { alerts } = read({
      alerting: ['slack'],
      alert_to_webhook_url: {
        budget_alerts: ['https://one.example/a', 'https://two.example/b'],
        llm_exceptions: 'https://x',
      },
    });
    expect(alerts.channels).toMatchObject([
      { name: 'slack', types: ['budget_alerts'] },
      { name: 'slack:2', types: ['budget_alerts'] },
    ]);
  });

  it('says which types and channels are not there, and that an unsigned webhook is one', () => {
    const { alerts, findings } = read(
      { alerting: ['webhook', 'pigeon'], alert_types: ['budget_alerts', 'llm_too_slow', 'budgt_alerts'] },
      { WEBHOOK_URL: 'https://x.example' },
    );
    expect(alerts.types).toEqual(['budget_alerts']);
    expect(findings.notices.map(({ path }) => path)).toEqual([
      'general_settings.alerting',
      'WEBHOOK_SIGNING_SECRET',
      'general_settings.alert_types',
      'general_settings.alert_types',
    ]);
  });
});
