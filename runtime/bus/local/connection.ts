import type { Socket } from 'node:net';
import { asError, BanksmanError } from '../../errors.ts';
import type { FetchRequest, Membership } from '../session/session.ts';
import type { TopicPartition } from '../types.ts';
import type { EngineSession } from './engine_session.ts';
import type { Slabs } from './slabs.ts';
import {
  type Call,
  decodeSend,
  type Event,
  encodeBatch,
  encodePosition,
  type Failure,
  type Frame,
  FrameReader,
  frame,
  jsonFrame,
  PROTOCOL,
  parseJson,
  TO_CLIENT,
  TO_SERVER,
  writeAll,
} from './wire.ts';

/** Of records taken from a connection and not yet in the log; above it nothing more is read from it. */
const MAX_UNSETTLED_BYTES = 8 * 1024 * 1024;
/** Far above what the consumers of one process ask for; a client beyond it is broken. */
const MAX_FETCHES = 4096;

/**
 * The server's end of one connection. What waits for a reader that is slow stays in the logs: a
 * fetch is not read before the socket has taken what was answered before.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #session: EngineSession;
  readonly #members = new Map<number, Membership>();
  readonly #fetches = new Map<number, AbortController>();
  readonly #revocations = new Map<number, () => void>();
  #nextEvent = 1;
  #unsettledBytes = 0;
  /** Fetches that wait until the socket has taken what was answered before. */
  #waiting: (() => void)[] = [];

  /** @param slabs where what this and other connections bring is kept. */
  constructor(socket: Socket, session: EngineSession, slabs: Slabs, onClosed: () => void) {
    this.#socket = socket;
    this.#session = session;
    const reader = new FrameReader(
      (each) => this.#take(each),
      (bytes) => slabs.take(bytes),
    );
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        socket.destroy(asError(error));
      }
    });
    // Its end is all that matters, and 'close' follows.
    socket.on('error', () => undefined);
    socket.on('drain', () => this.#resumeFetches());
    socket.on('close', () => {
      this.#resumeFetches();
      session.abort();
      for (const fetch of this.#fetches.values()) fetch.abort();
      for (const resolve of this.#revocations.values()) resolve();
      onClosed();
    });
    this.#write(jsonFrame(TO_CLIENT.hello, 0, { protocol: PROTOCOL }));
  }

  /** Ends when what was answered has been written, or at once when the reader does not take it. */
  close(): void {
    if (this.#socket.writableNeedDrain) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  #take({ type, id, body }: Frame): void {
    switch (type) {
      case TO_SERVER.send:
        this.#send(id, body);
        break;
      case TO_SERVER.fetch:
        void this.#fetch(id, parseJson<FetchRequest>(body));
        break;
      case TO_SERVER.cancel:
        this.#fetches.get(id)?.abort();
        break;
      case TO_SERVER.call: {
        const call = parseJson<Call>(body);
        void this.#answer(id, async () => jsonFrame(TO_CLIENT.result, id, (await this.#call(call)) ?? null));
        break;
      }
      case TO_SERVER.revoked:
        this.#revocations.get(id)?.();
        break;
      default:
        throw new RangeError(`frame of type ${type}`);
    }
  }

  #send(id: number, body: Buffer): void {
    const { topic, record } = decodeSend(body);
    this.#unsettledBytes += body.length;
    if (this.#unsettledBytes > MAX_UNSETTLED_BYTES) this.#socket.pause();
    void this.#answer(id, async () => {
      try {
        const { partition, offset } = await this.#session.send(topic, record);
        return frame(TO_CLIENT.sent, id, [encodePosition(partition, offset)]);
      } finally {
        this.#unsettledBytes -= body.length;
        if (this.#unsettledBytes <= MAX_UNSETTLED_BYTES) this.#socket.resume();
      }
    });
  }

  async #fetch(id: number, request: FetchRequest): Promise<void> {
    const abort = new AbortController();
    this.#fetches.set(id, abort);
    if (this.#fetches.size > MAX_FETCHES) this.#socket.destroy();
    await this.#answer(id, async () => {
      for (;;) {
        while (this.#socket.writableNeedDrain) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        // Read and written in one turn: others that waited as well then see that the socket is full again.
        const { records, next } = abort.signal.aborted
          ? { records: [], next: request.offset }
          : this.#session.readNow(request);
        if (records.length > 0 || next > request.offset || !request.wait || abort.signal.aborted) {
          this.#write(frame(TO_CLIENT.batch, id, encodeBatch(next, records)));
          return [];
        }
        await this.#session.nextAppend(request, abort.signal);
      }
    });
    this.#fetches.delete(id);
  }

  async #call(call: Call): Promise<unknown> {
    switch (call.op) {
      case 'bounds':
        return this.#session.bounds(call.topic, call.time ?? undefined);
      case 'lag':
        return this.#session.lag(call.group ?? undefined);
      case 'join': {
        const { member, group, topics, from } = call;
        const membership = this.#session.join(
          { group, topics, from },
          {
            assign: (partitions) => this.#event({ kind: 'assign', member, partitions }),
            revoke: (partitions) => this.#revoke(member, partitions),
          },
        );
        this.#members.set(member, membership);
        return membership.ready;
      }
      case 'commit':
        return this.#members.get(call.member)?.commit(call.positions);
      case 'leave': {
        const membership = this.#members.get(call.member);
        this.#members.delete(call.member);
        return membership?.leave();
      }
    }
  }

  #revoke(member: number, partitions: TopicPartition[]): Promise<void> {
    return new Promise((resolve) => {
      const id = this.#event({ kind: 'revoke', member, partitions });
      this.#revocations.set(id, () => {
        this.#revocations.delete(id);
        resolve();
      });
    });
  }

  #event(event: Event): number {
    const id = this.#nextEvent++;
    this.#write(jsonFrame(TO_CLIENT.event, id, event));
    return id;
  }

  async #answer(id: number, work: () => Promise<Buffer[]>): Promise<void> {
    try {
      this.#write(await work());
    } catch (error) {
      const failure: Failure = {
        code: error instanceof BanksmanError ? error.code : 'INTERNAL',
        message: asError(error).message,
        where: error instanceof BanksmanError ? (error.where ?? null) : null,
      };
      this.#write(jsonFrame(TO_CLIENT.failure, id, failure));
    }
  }

  #write(buffers: readonly Buffer[]): void {
    writeAll(this.#socket, buffers);
  }

  #resumeFetches(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
