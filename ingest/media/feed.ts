import type { Writable } from 'node:stream';
import type { Counters } from '../counters.ts';
import type { AccessUnit } from '../rtsp/types.ts';
import { Group } from './group.ts';
import { describeStream, encodePipeHead, encodeUnitHeader, PIPE_HEAD_BYTES, UNIT_HEADER_BYTES } from './wire.ts';

/** What an agent that stands still may leave in the pipe, over a group of pictures. */
export const MAX_PIPE_BYTES = 8 * 2 ** 20;
/** Where the access unit lies in a group that holds a message. */
const UNIT_AT = PIPE_HEAD_BYTES + UNIT_HEADER_BYTES;

export interface UnitTime {
  /** Capture time, epoch ms. */
  timeMs: number;
  /** Receive time stands in for it. */
  estimated: boolean;
  runId: string;
}

/**
 * Live video of a camera process, for its agent. While nobody watches it keeps the current group of pictures and
 * nothing else. It never waits: what the agent does not take is left out up to the next key picture, and counted.
 */
export class LiveFeed {
  readonly #counters: Counters;
  readonly #open: () => Writable;
  readonly #group = new Group();
  #pipe: Writable | null = null;
  #isWatched = false;
  /** Where the first unit of the group ends. */
  #keyEnd = 0;
  #runId = '';
  /** What the agent was told last. */
  #described = '';
  /** The agent can use nothing before the next key picture. */
  #awaitsKey = true;
  /** It awaits one because it did not take what came before. */
  #isShedding = false;
  /** Something is missing before the next key picture. */
  #isLost = false;

  /** @param open the pipe to the agent; called once, when somebody watches for the first time. */
  constructor(counters: Counters, open: () => Writable) {
    this.#counters = counters;
    this.#open = open;
  }

  /** Somebody watches, or nobody does any more. Who begins gets the group of pictures so far. */
  watch(isOn: boolean): void {
    if (isOn === this.#isWatched) return;
    this.#isWatched = isOn;
    if (!isOn) return;
    this.#pipe ??= this.#open();
    this.#described = '';
    this.#awaitsKey = true;
    this.#isShedding = false;
    if (this.#group.bytes === 0) return;
    const group = this.#group.take();
    if (!this.#fits(group.length)) this.#shed();
    else if (this.#describe(group.subarray(UNIT_AT, this.#keyEnd))) {
      this.#awaitsKey = false;
      this.#pipe.write(group);
    }
  }

  unit({ data, key, discont, damaged }: AccessUnit, { timeMs, estimated, runId }: UnitTime): void {
    if (runId !== this.#runId) {
      // Its times do not go on from those before.
      this.#runId = runId;
      this.#group.clear();
      this.#awaitsKey = true;
      this.#isLost = true;
    }
    if (damaged) {
      this.#group.end();
      this.#isLost = true;
      return;
    }
    if (key) {
      this.#group.begin();
      this.#keyEnd = UNIT_AT + data.length;
    }
    const header = encodeUnitHeader({ key, discontinuity: discont || (key && this.#isLost), estimated, timeMs });
    const head = encodePipeHead(false, header.length + data.length);
    if (key) this.#isLost = false;
    this.#group.add(head, header, data);
    if (this.#isWatched) this.#pass(key, data, [head, header, data]);
  }

  #pass(key: boolean, data: Buffer, parts: readonly Buffer[]): void {
    if (!this.#pipe) return;
    if (this.#awaitsKey && !key) {
      if (this.#isShedding) this.#shed();
      return;
    }
    if (!this.#fits(UNIT_AT + data.length)) {
      this.#shed();
      return;
    }
    if (key && !this.#describe(data)) return;
    this.#awaitsKey = false;
    this.#isShedding = false;
    this.#pipe.cork();
    for (const part of parts) this.#pipe.write(part);
    this.#pipe.uncork();
  }

  /** Tells the agent what the units from this key unit on are, where that is new. @returns false: nobody can tell. */
  #describe(key: Buffer): boolean {
    const description = describeStream(key, this.#runId);
    if (!description || !this.#pipe) return false;
    const text = JSON.stringify(description);
    if (text === this.#described) return true;
    this.#described = text;
    const message = Buffer.from(text);
    this.#pipe.write(encodePipeHead(true, message.length));
    this.#pipe.write(message);
    return true;
  }

  #fits(bytes: number): boolean {
    return this.#pipe !== null && this.#pipe.writableLength + bytes <= MAX_PIPE_BYTES;
  }

  #shed(): void {
    this.#counters.add('live_units_shed_total', 1, { reason: 'agent_slow' });
    this.#awaitsKey = true;
    this.#isShedding = true;
    this.#isLost = true;
  }
}
