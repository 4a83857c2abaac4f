import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { asError, BanksmanError } from '../../errors.ts';
import type { Component } from '../../lifecycle.ts';
import { SessionBus } from '../session/bus.ts';
import { Connection } from './connection.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { busLogPath, busSocketPath } from './paths.ts';
import { Slabs } from './slabs.ts';

export interface LocalBusServerOptions extends Omit<EngineOptions, 'path'> {
  dataDir: string;
}

/** The local bus of one machine: the engine, and a Unix socket that only this user may use. */
export class LocalBusServer implements Component {
  readonly name = 'bus';
  readonly #options: LocalBusServerOptions;
  readonly #connections = new Set<Connection>();
  #engine: Engine | undefined;
  #server: Server | undefined;
  #bus: SessionBus | undefined;

  constructor(options: LocalBusServerOptions) {
    this.#options = options;
  }

  get socketPath(): string {
    return busSocketPath(this.#options.dataDir);
  }

  /** The bus for the process that hosts it. */
  get bus(): SessionBus {
    if (this.#bus === undefined) throw new Error('the bus is not started');
    return this.#bus;
  }

  /** @throws BanksmanError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, BUS_STORE_FULL, STORE_FAILED */
  async start(): Promise<void> {
    const { dataDir, ...options } = this.#options;
    await this.#clearSocket();
    const engine = new Engine({ ...options, path: busLogPath(dataDir) });
    try {
      this.#server = await this.#listen(engine);
    } catch (error) {
      await engine.close();
      throw unusable(this.socketPath, error);
    }
    this.#engine = engine;
    this.#bus = new SessionBus(engine.session({ copy: true }));
  }

  async stop(): Promise<void> {
    const [server, engine] = [this.#server, this.#engine];
    this.#server = undefined;
    this.#engine = undefined;
    if (!server || !engine) return;
    await this.#bus?.close();
    await engine.store.writes.drain();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.close();
    await closed;
    await engine.close();
  }

  async #listen(engine: Engine): Promise<Server> {
    const slabs = new Slabs();
    const server = createServer((socket) => {
      const connection = new Connection(socket, engine.session({ copy: false }), slabs, () =>
        this.#connections.delete(connection),
      );
      this.#connections.add(connection);
    });
    server.listen(this.socketPath);
    await once(server, 'listening');
    chmodSync(this.socketPath, 0o600);
    return server;
  }

  /** Makes the folder, which nobody else may enter, and removes the socket of a bus that died. */
  async #clearSocket(): Promise<void> {
    const folder = dirname(this.socketPath);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // In the temporary folder somebody else may have made it first.
      const { uid } = lstatSync(folder);
      if (uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
      chmodSync(folder, 0o700);
      if (await answers(this.socketPath)) throw new BanksmanError('DATA_DIR_LOCKED', { where: this.socketPath });
      rmSync(this.socketPath, { force: true });
    } catch (error) {
      throw unusable(folder, error);
    }
  }
}

function unusable(where: string, error: unknown): BanksmanError {
  if (error instanceof BanksmanError) return error;
  return new BanksmanError('DATA_DIR_UNUSABLE', { where, message: asError(error).message, cause: error });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
