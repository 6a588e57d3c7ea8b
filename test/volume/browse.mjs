// Reads one list after the other until it is told to end, and says how many it has read. It gives way to everybody on this
// machine: people's browsers are on others.
import { constants, setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { ask } from './measure.mjs';
import { routesAt } from './routes.mjs';

setPriority(constants.priority.PRIORITY_LOW);
const { base, readers, only, everyMs } = JSON.parse(process.env.BROWSE);
let goesOn = true;
let read = 0;
process.on('SIGTERM', () => (goesOn = false));
for (let round = 0; goesOn; round += 1)
  for (const [, secret] of readers)
    for (const [name, path, body] of routesAt(round)) {
      if (!goesOn || !name.includes(only)) continue;
      const next = performance.now() + everyMs;
      await ask(base, secret, path, body);
      read += 1;
      await setTimeout(Math.max(0, next - performance.now()));
    }
process.stdout.write(JSON.stringify({ read }));
