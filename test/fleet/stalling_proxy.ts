import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Stands between a process and the bus, and can stop passing anything on without closing: a network that is cut. */
export class StallingProxy {
  readonly path: string;
  readonly #to: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #stalled = false;

  constructor(path: string, to: string) {
    this.path = path;
    this.#to = to;
  }

  async start(): Promise<void> {
    const server = createServer((near) => {
      const far = createConnection(this.#to);
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(into);
        from.on('error', () => into.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          into.destroy();
        });
        if (this.#stalled) from.pause();
      }
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
  }

  stall(): void {
    this.#stalled = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}
