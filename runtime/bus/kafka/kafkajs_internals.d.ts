/** Parts of kafkajs below its own producer and consumer, as far as they are used; it has no types for them. */
declare module 'kafkajs/src/network/connectionPool.js' {
  interface Request {
    readonly request: { readonly apiKey: number; encode(): Promise<unknown> };
    readonly response: { decode(data: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> };
  }
  export default class ConnectionPool {
    constructor(options: Record<string, unknown>);
    isConnected(): boolean;
    send(request: Request & { requestTimeout?: number; logResponseError?: boolean }): Promise<unknown>;
    destroy(): Promise<void>;
    readonly pool: readonly { readonly socket?: { destroy(): void } }[];
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
}

declare module 'kafkajs/src/broker/index.js' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js';

  type Build = (request: Record<string, unknown>) => Parameters<ConnectionPool['send']>[0];
  export default class Broker {
    constructor(options: Record<string, unknown>);
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    isConnected(): boolean;
    lookupRequest(apiKey: number, definition: object): Build;
  }
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  const protocol: { readonly requests: Readonly<Record<string, object>> };
  export default protocol;
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const keys: Readonly<Record<string, number>>;
  export default keys;
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    buf: Buffer;
    offset: number;
    constructor(initialSize?: number);
    ensureAvailable(length: number): void;
    readonly buffer: Buffer;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(buffer: Buffer);
    readInt16(): number;
    readInt32(): number;
    readInt64(): { toString(): string };
    readString(): string;
    readBytes(length?: number): Buffer;
    canReadBytes(length: number): boolean;
    readArray<T>(read: (decoder: Decoder) => T): T[];
    readArrayAsync<T>(read: (decoder: Decoder) => Promise<T>): Promise<T[]>;
  }
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  interface DecodedRecord {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | null>>;
    readonly isControlRecord: boolean;
  }
  export default function decodeBatch(
    decoder: Decoder,
  ): Promise<{ firstOffset: string; lastOffsetDelta: number; records: DecodedRecord[] }>;
}

declare module 'kafkajs/src/network/socketFactory.js' {
  export default function makeSocketFactory(): unknown;
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: {
    createLogger(options: { level: number; logCreator: () => () => void }): unknown;
    readonly LEVELS: { readonly NOTHING: number };
  };
  export default loggers;
}
