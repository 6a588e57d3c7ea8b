// Somebody else's program on the machine: burns as much of the processors as it is told, gives way as the reading process does, and
// knows nothing of the product.
import { setPriority } from 'node:os';

const TURN_MS = 25;
const { share, priority } = JSON.parse(process.env.STRANGER);
setPriority(priority);
process.on('SIGTERM', () => process.exit());

function turn() {
  const began = performance.now();
  const rows = [];
  // What shapes rows makes garbage; so does this.
  while (performance.now() - began < TURN_MS * share) {
    if (rows.push({ at: began, text: `${rows.length}` }) > 10_000) rows.length = 0;
  }
  setTimeout(turn, TURN_MS * (1 - share));
}
turn();
