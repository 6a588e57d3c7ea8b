// `node --import` of this lets a process live at another time: SHIFTED_CLOCK_FILE says by how many milliseconds, and may be rewritten while it runs.
import { readFileSync } from 'node:fs';

const file = process.env.SHIFTED_CLOCK_FILE;
const RealDate = Date;
const LOOK_MS = 5;
let shiftMs = 0;
let lookedAtMs = 0;

function nowMs() {
  const realMs = RealDate.now();
  if (file !== undefined && realMs - lookedAtMs > LOOK_MS) {
    lookedAtMs = realMs;
    shiftMs = Number(readFileSync(file, 'utf8'));
  }
  return realMs + shiftMs;
}

globalThis.Date = class Date extends RealDate {
  constructor(...parts) {
    if (parts.length > 0) super(...parts);
    else super(nowMs());
  }

  static now() {
    return nowMs();
  }
};
