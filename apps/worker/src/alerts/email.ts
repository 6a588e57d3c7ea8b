import type { AlertChannel } from '#libs/config';
import { createTransport } from 'nodemailer';
import type { Letter } from './letter.js';

const PATIENCE_MS = 10_000;

/** To those the operator named and whoever is concerned; nobody to tell is nothing to do. */
export async function sendEmail(
  channel: Extract<AlertChannel, { kind: 'email' }>,
  { alertId, payload }: Letter,
): Promise<void> {
  const concerned = payload['alert_emails'];
  const to = [...new Set([...channel.to, ...(Array.isArray(concerned) ? concerned.map(String) : [])])];
  if (to.length === 0) return;
  const message = oneLine(payload['event_message']);
  const transport = createTransport({
    host: channel.host,
    port: channel.port,
    // Port 465 speaks TLS from the first byte; elsewhere it begins with STARTTLS.
    secure: channel.port === 465,
    requireTLS: channel.requireTls && channel.port !== 465,
    ignoreTLS: !channel.requireTls,
    ...(channel.user === undefined
      ? {}
      : { auth: { user: channel.user, pass: channel.password?.reveal() ?? '' } }),
    connectionTimeout: PATIENCE_MS,
    greetingTimeout: PATIENCE_MS,
    socketTimeout: PATIENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from: channel.from,
      // Each recipient may be somebody else's customer: nobody sees who else was told.
      bcc: to,
      subject: `Tollgate: ${message.slice(0, 120)}`,
      text: `${message}\n\n${linesOf(payload)}`,
      messageId: `<${alertId}@tollgate>`,
    });
  } finally {
    transport.close();
  }
}

/** A name with a line break in it must not become a header. */
function oneLine(text: unknown): string {
  return String(text).replaceAll(/[\r\n]+/g, ' ');
}

const SHOWN = ['spend', 'max_budget', 'soft_budget', 'projected_exceeded_date', 'resets_at', 'count', 'at'];

function linesOf(payload: Readonly<Record<string, unknown>>): string {
  return SHOWN.filter((name) => payload[name] !== null && payload[name] !== undefined)
    .map((name) => `${name}: ${oneLine(payload[name])}`)
    .join('\n');
}
