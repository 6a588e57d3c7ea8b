// Administrators' writes, one after the other, as a script or a console makes them.
import { randomUUID } from 'node:crypto';

const WARM = 40;

/** What is written in one turn; each may use what an earlier one answered. */
const TURN = [
  ['/team/new', () => ({ team_alias: `bench ${randomUUID()}`, max_budget: 10 })],
  ['/user/new', () => ({ user_role: 'internal_user', auto_create_key: false })],
  [
    '/key/generate',
    (made) => ({ team_id: made['/team/new'].team_id, user_id: made['/user/new'].user_id, rpm_limit: 100 }),
  ],
  ['/key/update', (made) => ({ key: made['/key/generate'].key, max_budget: 5 })],
  ['/team/update', (made) => ({ team_id: made['/team/new'].team_id, tpm_limit: 1_000 })],
  ['/key/block', (made) => ({ key: made['/key/generate'].key })],
  ['/key/delete', (made) => ({ keys: [made['/key/generate'].key] })],
];

/** `turns` times every write, after some to warm up: times in milliseconds by route. Throws when one is refused. */
export async function adminWrites({ url, masterKey }, turns) {
  const times = new Map(TURN.map(([route]) => [route, []]));
  const headers = { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' };
  for (let turn = -WARM; turn < turns; turn += 1) {
    const made = {};
    for (const [route, bodyOf] of TURN) {
      const began = performance.now();
      const answer = await fetch(url + route, {
        method: 'POST',
        headers,
        body: JSON.stringify(bodyOf(made)),
      });
      const text = await answer.text();
      if (turn >= 0) times.get(route).push(performance.now() - began);
      if (!answer.ok) throw new Error(`${route}: ${answer.status} ${text.slice(0, 200)}`);
      made[route] = JSON.parse(text);
    }
  }
  return times;
}
