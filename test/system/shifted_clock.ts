/**
 * Preloaded into every process of a test (`NODE_OPTIONS=--import`): the wall clock reads as many milliseconds
 * more as the file says that `BANKSMAN_TEST_CLOCK` names, as if somebody had set it. The clock of the machine
 * cannot be set in a test; clocks that never step stay as they are, as they do when it is.
 */
import { readFileSync } from 'node:fs';

const SystemDate = Date;
const EVERY_MS = 50;
const path = process.env['BANKSMAN_TEST_CLOCK'];
let offsetMs = 0;

function read(): void {
  try {
    offsetMs = Number(readFileSync(path ?? '', 'utf8')) || 0;
  } catch {
    // Not set yet.
  }
}

class ShiftedDate extends SystemDate {
  constructor(...args: [] | ConstructorParameters<typeof SystemDate>) {
    if (args.length === 0) super(ShiftedDate.now());
    else super(...(args as ConstructorParameters<typeof SystemDate>));
  }

  static override now(): number {
    return SystemDate.now() + offsetMs;
  }
}

if (path !== undefined) {
  read();
  setInterval(read, EVERY_MS).unref();
  globalThis.Date = ShiftedDate as DateConstructor;
}
