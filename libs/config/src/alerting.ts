import { Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { ALERT_TYPES, type AlertType, UNBUILT_ALERT_TYPES } from './sections/alerting.schemas.js';

/** Where alerts go. The name is the one that deliveries are stored under. */
export type AlertChannel =
  | { readonly kind: 'webhook'; readonly name: string; readonly url: Secret; readonly secret?: Secret }
  | {
      readonly kind: 'slack';
      readonly name: string;
      readonly url: Secret;
      /** Alert types that go here; absent: all. */
      readonly types?: readonly string[];
    }
  | {
      readonly kind: 'email';
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly requireTls: boolean;
      readonly user?: string;
      readonly password?: Secret;
      readonly from: string;
      /** Whoever else is concerned is told as well: the owner of a key, a user. */
      readonly to: readonly string[];
    };

export interface AlertSettings {
  readonly channels: readonly AlertChannel[];
  /** `budget_alerts`, `rate_limit_bursts`, `auth_failure_bursts`. */
  readonly types: readonly string[];
  /** Per cents of a budget, rising. */
  readonly thresholds: readonly number[];
  readonly burstSize: number;
  readonly burstWindowMs: number;
}

const THRESHOLDS = [80, 90, 100];
const BURST_SIZE = 100;
const BURST_WINDOW_MS = 60_000;
const SMTP_PORT = 587;
const KINDS = ['webhook', 'slack', 'email'];

/** Who is told of what: `alerting` and what belongs to it. */
export function readAlerting(
  { general }: Pick<Sections, 'general'>,
  environment: Environment,
  findings: Findings,
): AlertSettings {
  const args = general.alerting_args ?? {};
  const kinds = new Set(general.alerting ?? []);
  for (const kind of kinds)
    if (!KINDS.includes(kind))
      findings.unsupported(
        'general_settings.alerting',
        `Alerts by ${kind} are not there yet; there are ${KINDS.join(', ')}.`,
      );
  const channels: AlertChannel[] = [];
  if (kinds.has('webhook')) channels.push(...webhook(environment, findings));
  if (kinds.has('slack')) channels.push(...slack(general.alert_to_webhook_url, environment, findings));
  if (kinds.has('email')) channels.push(...email(args.email_recipients, environment, findings));
  return {
    channels,
    types: typesOf(general.alert_types, findings),
    thresholds: (args.budget_alert_thresholds ?? THRESHOLDS).toSorted((a, b) => a - b),
    burstSize: args.burst_size ?? BURST_SIZE,
    burstWindowMs: args.burst_window ?? BURST_WINDOW_MS,
  };
}

function typesOf(named: readonly string[] | undefined, findings: Findings): AlertType[] {
  if (named === undefined) return [...ALERT_TYPES];
  for (const name of named) {
    if (ALERT_TYPES.some((type) => type === name)) continue;
    const why = UNBUILT_ALERT_TYPES.includes(name) ? 'are not there yet' : 'are not known';
    findings.unsupported('general_settings.alert_types', `Alerts of the type ${name} ${why}.`, false);
  }
  return ALERT_TYPES.filter((type) => named.includes(type));
}

function webhook(environment: Environment, findings: Findings): AlertChannel[] {
  const url = urlOf(environment.get('WEBHOOK_URL'), 'WEBHOOK_URL', findings);
  if (url === undefined) return [];
  const secret = environment.get('WEBHOOK_SIGNING_SECRET');
  if (secret === undefined)
    findings.notice(
      'WEBHOOK_SIGNING_SECRET',
      'webhooks are not signed until this is set; receivers cannot tell who sent them',
    );
  return [
    {
      kind: 'webhook',
      name: 'webhook',
      url,
      ...(secret === undefined ? {} : { secret: new Secret(secret) }),
    },
  ];
}

/** One channel for each address: `alert_to_webhook_url` names them by alert type, the environment for all. */
function slack(
  byType: Readonly<Record<string, string | readonly string[]>> | undefined,
  environment: Environment,
  findings: Findings,
): AlertChannel[] {
  const channels = new Map<string, AlertType[] | undefined>();
  for (const [type, urls] of Object.entries(byType ?? {})) {
    const known = ALERT_TYPES.find((each) => each === type);
    if (known === undefined) continue;
    for (const url of [urls].flat()) channels.set(url, [...(channels.get(url) ?? []), known]);
  }
  const usual = environment.get('SLACK_WEBHOOK_URL') ?? environment.get('ALERTING_WEBHOOK_URL');
  if (usual !== undefined) channels.set(usual, undefined);
  if (channels.size === 0) {
    findings.notice(
      'general_settings.alerting',
      'no alerts go to Slack: that needs SLACK_WEBHOOK_URL (or alert_to_webhook_url)',
    );
    return [];
  }
  return [...channels].flatMap(([address, types], index): AlertChannel[] => {
    const url = urlOf(address, 'SLACK_WEBHOOK_URL', findings);
    const name = index === 0 ? 'slack' : `slack:${index + 1}`;
    return url === undefined ? [] : [{ kind: 'slack', name, url, ...(types === undefined ? {} : { types }) }];
  });
}

function email(
  recipients: readonly string[] | undefined,
  environment: Environment,
  findings: Findings,
): AlertChannel[] {
  const host = environment.get('SMTP_HOST');
  const from = environment.get('SMTP_SENDER_EMAIL');
  if (host === undefined || from === undefined) {
    findings.notice(
      'general_settings.alerting',
      'no alerts go out by e-mail: that needs SMTP_HOST and SMTP_SENDER_EMAIL',
    );
    return [];
  }
  const user = environment.get('SMTP_USERNAME');
  const password = environment.get('SMTP_PASSWORD');
  return [
    {
      kind: 'email',
      name: 'email',
      host,
      port: environment.wholeNumber('SMTP_PORT', 1, 65_535, findings) ?? SMTP_PORT,
      requireTls: environment.flag('SMTP_TLS', findings) ?? true,
      from,
      to: recipients ?? environment.list('ALERT_EMAIL_RECIPIENTS') ?? [],
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password: new Secret(password) }),
    },
  ];
}

function urlOf(text: string | undefined, place: string, findings: Findings): Secret | undefined {
  if (text === undefined) {
    findings.notice('general_settings.alerting', `no alerts go to a webhook: that needs ${place}`);
    return undefined;
  }
  // The path of such an address is its password: it is never repeated.
  if (URL.canParse(text) && /^https?:/.test(text)) return new Secret(text);
  findings.error(place, 'expected an http or https address');
  return undefined;
}
