import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../test/wait.ts';
import { Counters } from '../counters.ts';
import type { AccessUnit } from '../rtsp/types.ts';
import { LiveFeed, MAX_PIPE_BYTES } from './feed.ts';
import { MAX_GROUP_BYTES } from './group.ts';
import { CODEC, markOf, unit } from './testing.ts';
import { decodeUnit, PipeReader } from './wire.ts';

/** The agent reads, or stands still. */
class Pipe extends Writable {
  #held: (() => void) | null = null;
  #isStalled = false;
  #messages: { message: Buffer; isText: boolean }[] = [];
  readonly #reader = new PipeReader((message, isText) => this.#messages.push({ message, isText }));

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // As a socket gives it: cut anywhere.
    for (let at = 0; at < chunk.length; at += 7_001) this.#reader.add(chunk.subarray(at, at + 7_001));
    if (this.#isStalled) this.#held = done;
    else done();
  }

  stall(): void {
    this.#isStalled = true;
  }

  async goOn(): Promise<void> {
    this.#isStalled = false;
    this.#held?.();
    await until('all to be read', () => this.writableLength === 0);
  }

  read(): { message: Buffer; isText: boolean }[] {
    return this.#messages.splice(0);
  }
}

let counters: Counters;
let pipe: Pipe;
let feed: LiveFeed;
let opened: number;
let atMs: number;

beforeEach(() => {
  counters = new Counters();
  pipe = new Pipe();
  opened = 0;
  atMs = 1_700_000_000_000;
  feed = new LiveFeed(counters, () => {
    opened += 1;
    return pipe;
  });
});

function push(one: AccessUnit, runId = 'run-1'): void {
  atMs += 40;
  feed.unit(one, { timeMs: atMs, estimated: false, runId });
}

/** What came through the pipe since the last call: marks of units, `|` before one after a loss; descriptions by run. */
function arrived(): string[] {
  const found: string[] = [];
  for (const { message, isText } of pipe.read()) {
    const unit = isText ? null : decodeUnit(message);
    if (isText) found.push(`<${JSON.parse(message.toString()).runId}>`);
    else if (unit) found.push(`${unit.discontinuity ? '|' : ''}${markOf(unit.data)}`);
  }
  return found;
}

describe('live video of a camera process', () => {
  it('goes nowhere while nobody watches', () => {
    push(unit('A', { key: true }));
    push(unit('b'));
    expect(opened).toBe(0);
  });

  it('begins with the group of pictures so far, and goes on with what comes', () => {
    for (const one of [unit('A', { key: true }), unit('b'), unit('C', { key: true }), unit('d')]) push(one);
    feed.watch(true);
    push(unit('e'));
    expect(arrived()).toEqual(['<run-1>', 'C', 'd', 'e']);
    feed.watch(false);
    push(unit('f'));
    expect(arrived()).toEqual([]);
    feed.watch(true);
    push(unit('G', { key: true }));
    expect(arrived()).toEqual(['<run-1>', 'C', 'd', 'e', 'f', 'G']);
    expect(opened).toBe(1);
  });

  it('tells what the stream is, and of each unit what it is', () => {
    push(unit('A', { key: true }));
    feed.watch(true);
    const messages = pipe.read();
    expect(messages.map(({ isText }) => isText)).toEqual([true, false]);
    expect(JSON.parse(String(messages[0]?.message))).toEqual({
      ...{ type: 'stream', version: 1, codec: CODEC, width: 320, height: 180, runId: 'run-1' },
      parameterSets: [expect.stringMatching(/^Z0LAF/), expect.stringMatching(/^aM/)],
    });
    const told = { key: true, discontinuity: true, estimated: false, timeMs: atMs };
    expect(messages[1] && decodeUnit(messages[1].message)).toMatchObject(told);
  });

  it('leaves out what follows a loss, up to the next key picture', () => {
    push(unit('A', { key: true }));
    feed.watch(true);
    push(unit('b', { damaged: true }));
    push(unit('c', { damaged: true }));
    push(unit('D', { key: true }));
    push(unit('e'));
    expect(arrived()).toEqual(['<run-1>', '|A', '|D', 'e']);
    feed.watch(false);
    push(unit('f', { damaged: true }));
    feed.watch(true);
    push(unit('G', { key: true }));
    expect(arrived()).toEqual(['<run-1>', '|D', 'e', '|G']);
  });

  it('begins a new run with a key picture, and says so', () => {
    push(unit('A', { key: true }));
    feed.watch(true);
    push(unit('b'));
    push(unit('c'), 'run-2');
    push(unit('D', { key: true }), 'run-2');
    expect(arrived()).toEqual(['<run-1>', '|A', 'b', '<run-2>', '|D']);
  });

  it('begins with the next key picture where the group is too large to be kept', () => {
    push(unit('A', { key: true, bytes: MAX_GROUP_BYTES / 2 }));
    push(unit('b', { bytes: MAX_GROUP_BYTES / 2 }));
    push(unit('c'));
    feed.watch(true);
    push(unit('d'));
    push(unit('E', { key: true }));
    expect(arrived()).toEqual(['<run-1>', 'E']);
  });

  it('never waits for an agent that stands still: what does not fit is left out, counted, up to a key picture', async () => {
    push(unit('A', { key: true }));
    feed.watch(true);
    pipe.stall();
    const big = { bytes: MAX_PIPE_BYTES / 4 };
    for (const mark of ['b', 'c', 'd', 'e', 'f']) push(unit(mark, big));
    push(unit('G', { key: true, ...big }));
    expect(pipe.writableLength).toBeLessThanOrEqual(MAX_PIPE_BYTES);
    await pipe.goOn();
    expect(arrived()).toEqual(['<run-1>', '|A', 'b', 'c', 'd']);
    push(unit('h'));
    push(unit('I', { key: true }));
    push(unit('j'));
    expect(arrived()).toEqual(['|I', 'j']);
    expect(counters.take()).toEqual([['live_units_shed_total', { reason: 'agent_slow' }, 4]]);
  });
});

describe('a pipe', () => {
  it('that holds what no camera process sends is not read on', () => {
    const reader = new PipeReader(() => expect.unreachable());
    expect(() => reader.add(Buffer.from([0xff, 0xff, 0xff, 0xff, 0]))).toThrow(RangeError);
  });
});
