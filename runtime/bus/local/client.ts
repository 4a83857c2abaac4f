import { createConnection, type Socket } from 'node:net';
import { asError, BanksmanError, isErrorCode } from '../../errors.ts';
import { SessionBus } from '../session/bus.ts';
import {
  type Batch,
  type Bounds,
  encodeHeaders,
  type FetchRequest,
  type GroupLag,
  type JoinSpec,
  type MemberEvents,
  type Membership,
  type SentRecord,
  type Session,
} from '../session/session.ts';
import type { Position } from '../types.ts';
import {
  type Call,
  decodeBatch,
  decodePosition,
  type Event,
  encodeSend,
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

/** A bus that has taken the connection answers at once; one that does not is as good as none. */
const HELLO_MS = 5_000;
const READ_BYTES = 64 * 1024;

export interface ConnectOptions {
  /** The connection is gone, without `close` having been called. Everything pending has failed by then. */
  onLost?: (error: BanksmanError) => void;
}

/**
 * Connects to the bus that `banksman up` hosts.
 * @throws BanksmanError BUS_UNREACHABLE
 */
export async function connectLocalBus(socketPath: string, options: ConnectOptions = {}): Promise<SessionBus> {
  const session = new SocketSession(socketPath);
  await session.connect();
  const bus = new SessionBus(session);
  session.onLost((error) => {
    bus.lost(error);
    options.onLost?.(error);
  });
  return bus;
}

interface Pending {
  resolve(body: Buffer): void;
  reject(error: Error): void;
}

class SocketSession implements Session {
  readonly silentMs = Number.POSITIVE_INFINITY;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  readonly #members = new Map<number, MemberEvents>();
  #socket: Socket | undefined;
  #nextId = 1;
  #nextMember = 1;
  #ended: BanksmanError | undefined;
  #notify: ((error: BanksmanError) => void) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  connect(): Promise<void> {
    const unreachable = (cause?: unknown, message?: string): BanksmanError =>
      new BanksmanError('BUS_UNREACHABLE', { where: this.#path, cause, ...(message === undefined ? {} : { message }) });
    return new Promise((resolve, reject) => {
      const socket = createConnection({
        path: this.#path,
        // One buffer for all that is read: what is in it is copied at once.
        onread: {
          buffer: Buffer.allocUnsafeSlow(READ_BYTES),
          callback: (bytes, buffer) => {
            try {
              reader.push(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
            } catch (error) {
              socket.destroy(asError(error));
            }
            return true;
          },
        },
      });
      this.#socket = socket;
      const refuse = (error: BanksmanError): void => {
        this.#ended ??= error;
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => refuse(unreachable(undefined, 'the bus does not answer')), HELLO_MS);
      const reader = new FrameReader((each) => {
        if (each.type !== TO_CLIENT.hello) return this.#take(each);
        clearTimeout(timer);
        const { protocol } = parseJson<{ protocol: number }>(each.body);
        if (protocol === PROTOCOL) resolve();
        else refuse(unreachable(undefined, `the bus speaks protocol ${protocol}, not ${PROTOCOL}`));
      });
      socket.on('error', (error) => reject(unreachable(error)));
      socket.on('close', () => {
        clearTimeout(timer);
        reject(unreachable());
        this.#lose();
      });
    });
  }

  onLost(listener: (error: BanksmanError) => void): void {
    this.#notify = listener;
    if (this.#ended) listener(this.#ended);
  }

  async send(topic: string, { key, headers, value }: SentRecord): Promise<Position> {
    const record = { key, headers: encodeHeaders(headers), value };
    const answer = this.#request((id) => frame(TO_SERVER.send, id, encodeSend(topic, record)));
    return decodePosition(await answer);
  }

  async fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch> {
    if (signal?.aborted) return { records: [], next: request.offset };
    let sent = 0;
    const answer = this.#request((id) => {
      sent = id;
      return jsonFrame(TO_SERVER.fetch, id, request);
    });
    const cancel = (): void => this.#write(frame(TO_SERVER.cancel, sent, []));
    signal?.addEventListener('abort', cancel);
    try {
      return decodeBatch(await answer);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  bounds(topic: string, time?: number): Promise<Bounds[]> {
    return this.#call({ op: 'bounds', topic, time: time ?? null });
  }

  lag(group?: string): Promise<GroupLag[]> {
    return this.#call({ op: 'lag', group: group ?? null });
  }

  join({ group, topics, from }: JoinSpec, events: MemberEvents): Membership {
    const member = this.#nextMember++;
    this.#members.set(member, events);
    const ready = this.#call<void>({ op: 'join', member, group, topics: [...topics], from });
    return {
      ready,
      commit: (positions) => this.#call({ op: 'commit', member, positions: [...positions] }),
      leave: async () => {
        await this.#call({ op: 'leave', member });
        this.#members.delete(member);
      },
    };
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    this.#notify = undefined;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.destroySoon();
    await closed;
  }

  abort(): void {
    this.#notify = undefined;
    this.#socket?.destroy();
    this.#lose();
  }

  #take({ type, id, body }: Frame): void {
    if (type === TO_CLIENT.event) {
      this.#event(id, parseJson<Event>(body));
      return;
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (type === TO_CLIENT.failure) pending?.reject(toError(parseJson<Failure>(body)));
    else pending?.resolve(body);
  }

  #event(id: number, event: Event): void {
    const member = this.#members.get(event.member);
    if (event.kind === 'assign') {
      member?.assign(event.partitions);
      return;
    }
    const revoked = (): void => this.#write(frame(TO_SERVER.revoked, id, []));
    (member?.revoke(event.partitions) ?? Promise.resolve()).then(revoked, revoked);
  }

  async #call<T>(call: Call): Promise<T> {
    return parseJson<T>(await this.#request((id) => jsonFrame(TO_SERVER.call, id, call)));
  }

  #request(encode: (id: number) => Buffer[]): Promise<Buffer> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#write(encode(id));
    });
  }

  #write(buffers: readonly Buffer[]): void {
    if (this.#socket) writeAll(this.#socket, buffers);
  }

  #lose(): void {
    if (this.#ended) return;
    this.#ended = new BanksmanError('BUS_LOST', { where: this.#path });
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
    this.#notify?.(this.#ended);
  }
}

function toError({ code, message, where }: Failure): BanksmanError {
  return new BanksmanError(isErrorCode(code) ? code : 'INTERNAL', { message, ...(where === null ? {} : { where }) });
}
