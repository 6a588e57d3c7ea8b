import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { AlertBook } from '#libs/budget';
import type { AlertChannel, Config } from '#libs/config';
import { Secret } from '#libs/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import { AlertCourier } from './alert-courier.js';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers with the status that is set, and keeps what it was sent. */
async function receiver() {
  const state = { status: 200, received: [] as Received[] };
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      state.received.push({ headers: request.headers, body });
      response.writeHead(state.status, state.status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { state, url: new Secret(`http://127.0.0.1:${port}/hook/secret-path`), close: () => server.close() };
}

/** Enough of SMTP to take a letter. */
async function mailServer() {
  const letters: { to: string[]; text: string }[] = [];
  const server = createTcpServer((socket) => {
    let letter: { to: string[]; text: string } = { to: [], text: '' };
    let isText = false;
    let rest = '';
    socket.write('220 mail ready\r\n');
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (isText && line === '.') {
          letters.push(letter);
          letter = { to: [], text: '' };
          isText = false;
          socket.write('250 taken\r\n');
        } else if (isText) letter.text += `${line}\n`;
        else if (line.startsWith('RCPT TO:')) {
          letter.to.push(line.slice('RCPT TO:<'.length).split('>')[0] ?? '');
          socket.write('250 ok\r\n');
        } else if (line === 'DATA') {
          isText = true;
          socket.write('354 go on\r\n');
        } else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { letters, port, close: () => server.close() };
}

let database: TestDatabase;
let http: Awaited<ReturnType<typeof receiver>>;
let mail: Awaited<ReturnType<typeof mailServer>>;
beforeAll(async () => {
  [database, http, mail] = await Promise.all([createTestDatabase(), receiver(), mailServer()]);
});
beforeEach(async () => {
  await database.dataSource.query('TRUNCATE alerts CASCADE');
  Object.assign(http.state, { status: 200, received: [] });
  mail.letters.length = 0;
});
afterAll(async () => {
  http.close();
  mail.close();
  await database.drop();
});

const webhook = (): AlertChannel => ({
  kind: 'webhook',
  name: 'webhook',
  url: http.url,
  secret: new Secret('shared'),
});
const slack = (types?: string[]): AlertChannel => ({
  kind: 'slack',
  name: 'slack',
  url: http.url,
  ...(types && { types }),
});
const email = (): AlertChannel => ({
  kind: 'email',
  name: 'email',
  host: '127.0.0.1',
  port: mail.port,
  requireTls: false,
  from: 'tollgate@x.org',
  to: ['ops@x.org'],
});

function world(...channels: AlertChannel[]) {
  const config = { alerts: { channels, types: ['budget_alerts'], thresholds: [80] } } as unknown as Config;
  const book = new AlertBook(database.dataSource, config);
  return {
    courier: () => new AlertCourier(database.dataSource, config, silentLogger),
    raise: (id = 'k1', message = '80 % of the budget are used', over: object = {}) =>
      book.raise([
        {
          event: 'threshold_crossed',
          scope: { type: 'key', id },
          occasion: 'main@m',
          threshold: 80,
          payload: {
            event: 'threshold_crossed',
            event_message: message,
            spend: 8,
            at: '2026-11-21T12:34:56.000Z',
            ...over,
          },
        },
      ]),
  };
}
const deliveries = (): Promise<
  { attempts: number; done: boolean; error: string | null; givenUp: boolean; waits: number }[]
> =>
  database.dataSource.query(
    `SELECT attempts, delivered_at IS NOT NULL AS done, last_error AS error, given_up_at IS NOT NULL AS "givenUp",
       extract(epoch FROM next_attempt_at - now())::int AS waits FROM alert_deliveries`,
  );
const letTimePass = (): Promise<unknown> =>
  database.dataSource.query('UPDATE alert_deliveries SET next_attempt_at = now()');

describe('the courier', () => {
  it('posts a signed webhook, once however many workers there are', async () => {
    const { courier, raise } = world(webhook());
    for (let n = 0; n < 30; n += 1) await raise(`k${n}`);
    const counts = await Promise.all([courier(), courier(), courier()].map((each) => each.deliverDue()));
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    expect(http.state.received).toHaveLength(30);
    const [first] = http.state.received;
    const [, time = '', signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(first?.headers['x-tollgate-signature'])) ?? [];
    expect(signature).toBe(
      createHmac('sha256', 'shared')
        .update(`${time}.${first?.body ?? ''}`)
        .digest('hex'),
    );
    expect(Math.abs(Number(time) * 1_000 - Date.now())).toBeLessThan(60_000);
    const body = JSON.parse(first?.body ?? '') as Record<string, unknown>;
    expect(body).toMatchObject({
      event: 'threshold_crossed',
      spend: 8,
      alert_id: first?.headers['x-tollgate-alert-id'],
    });
  });

  it('tries again with growing pauses while the receiver is away, and delivers when it is back', async () => {
    const { courier, raise } = world(webhook());
    await raise();
    http.state.status = 503;
    expect(await courier().deliverDue()).toBe(0);
    expect(await deliveries()).toMatchObject([{ attempts: 1, done: false, error: 'answered 503' }]);
    expect(await courier().deliverDue()).toBe(0);
    expect(http.state.received).toHaveLength(1);
    await letTimePass();
    await courier().deliverDue();
    const [waiting] = await deliveries();
    expect(waiting?.waits).toBeGreaterThan(7);
    http.state.status = 200;
    await letTimePass();
    expect(await courier().deliverDue()).toBe(1);
    expect(await deliveries()).toMatchObject([{ attempts: 3, done: true, error: null }]);
    const ids = new Set(http.state.received.map(({ headers }) => headers['x-tollgate-alert-id']));
    expect(ids.size).toBe(1);
  });

  it('gives up at last, follows nobody elsewhere, and never writes an address down', async () => {
    const { courier, raise } = world(webhook());
    await raise();
    http.state.status = 302;
    await database.dataSource.query('UPDATE alert_deliveries SET attempts = 15');
    await courier().deliverDue();
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ attempts: 16, givenUp: true, error: 'answered 302' });
    expect(http.state.received).toHaveLength(1);
  });

  it('leaves what a channel cannot be asked for any more', async () => {
    await world(webhook()).raise();
    await world(slack()).courier().deliverDue();
    expect(await deliveries()).toMatchObject([
      { givenUp: true, error: 'the channel is not configured any more' },
    ]);
  });

  it('writes to people: the operator and whoever is concerned, in one line that stays one', async () => {
    const { courier, raise } = world(email());
    await raise('k1', 'budget of key a\r\nBcc: everybody@x.org', { alert_emails: ['ann@x.org'] });
    expect(await courier().deliverDue()).toBe(1);
    expect(mail.letters).toHaveLength(1);
    expect(mail.letters[0]?.to.toSorted()).toEqual(['ann@x.org', 'ops@x.org']);
    expect(mail.letters[0]?.text).toContain('Subject: Tollgate: budget of key a Bcc: everybody@x.org');
    expect(mail.letters[0]?.text).not.toMatch(/^Bcc:/m);
  });
});

describe('Slack', () => {
  it('is told in the layout of the contract, with names as they are', async () => {
    const { courier, raise } = world(slack());
    await raise('k1', 'key <!channel> & co');
    expect(await courier().deliverDue()).toBe(1);
    const { text } = JSON.parse(http.state.received[0]?.body ?? '{}') as { text: string };
    expect(text).toBe(
      'Alert type: `budget_alerts`\nLevel: `Medium`\nTimestamp: `12:34:56`\n\nMessage: key &lt;!channel&gt; &amp; co',
    );
  });

  it('hears only of the types that its address is for', async () => {
    const { courier, raise } = world(slack(['rate_limit_bursts']));
    await raise();
    expect(await courier().deliverDue()).toBe(1);
    expect(http.state.received).toEqual([]);
  });
});
