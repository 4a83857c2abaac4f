/** The binding ships no types; these are the parts that banksman uses. */
declare module 'gstreamer-superficial' {
  export interface BusMessage {
    type: string;
    message?: string;
    name?: string;
    _src_element_name?: string;
    [field: string]: unknown;
  }

  export type Caps = Record<string, unknown>;

  /** An element; every GObject property can be read and set by its name. */
  export interface Element {
    [property: string]: unknown;
    /** appsink: calls back once, with null at the end of the stream. Blocks a libuv thread meanwhile. */
    pull(callback: (buffer: Buffer | null, caps: Caps | null) => void): void;
    /** appsrc: copies the buffer; `pts` is 8 bytes, big endian, nanoseconds. */
    push(buffer: Buffer, pts?: Buffer): void;
  }

  export class Pipeline {
    constructor(description: string);
    play(): void;
    pause(): void;
    /** Blocks until the state is NULL. Call it before `process.exit`, which hangs otherwise. */
    stop(): void;
    sendEOS(): void;
    findChild(name: string): Element | undefined;
    /** Blocks a libuv thread for as long as the pipeline is not stopped. */
    pollBus(callback: (message: BusMessage) => void): void;
  }

  const gstreamer: { Pipeline: typeof Pipeline };
  export default gstreamer;
}
