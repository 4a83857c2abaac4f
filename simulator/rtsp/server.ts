import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BanksmanError } from '../../runtime/errors.ts';

/** A stretch of a file, cut to the picture; or a still test picture. */
export interface Segment {
  file?: string;
  fromS?: number;
  toS?: number;
  /** Repeat the stretch until it has played this long (ends at a key frame). Default: once. */
  forS?: number;
  /** A `videotestsrc` pattern instead of a file, e.g. `black`. */
  pattern?: string;
  /** How much of it is made. Default 1. */
  seconds?: number;
  /** Named in the `segment` event when it begins. */
  label?: string;
}

export interface Encode {
  /** Default: those of the file. */
  width?: number;
  height?: number;
  fps?: number;
  /** Pictures from key to key. Default 10 (for patterns: a second). */
  keyInt?: number;
  /** Default 0. */
  bframes?: number;
  /** Default 1500. */
  bitrateKbps?: number;
  /** x264 speed preset. Default `veryfast` where encoded once, `ultrafast` live. */
  preset?: string;
}

/**
 * Files as a camera would send them: encoded once into `.cache/`, real time, continuous over loops.
 * Who joins in the middle gets the last key picture at once and the rest from the next one on; for long
 * groups of pictures use `paint` or a pattern, whose encoder begins anew with every session.
 */
export interface FileSource {
  kind: 'file';
  /** Played in order. Use these or `scenes`. */
  segments?: Segment[];
  /** Named lists to switch between with `scene()`; the first plays unless `scene` says otherwise. */
  scenes?: Record<string, Segment[]>;
  scene?: string;
  /** After the last segment: from the first again, or go on repeating the last. Default loop. */
  end?: 'loop' | 'hold';
  encode?: Encode;
  /** Decodes again and encodes live with the counter strip (`strip.ts`) in each picture. */
  paint?: boolean;
  /** When its time line begins. Default first-client; goes on without clients either way. */
  start?: 'first-client' | 'always';
  /** A PCM track beside the video. */
  audio?: boolean;
  /** Needed for `black()`. */
  allowBlack?: boolean;
}

/**
 * A clip that was encoded before, its access units unchanged, in a loop with continuous times. All clips of a
 * server begin together, with the first client of any of them. Who joins later gets the group of pictures so
 * far at once. A `segment` event (scene `main`) says when each loop began.
 */
export interface ClipSource {
  kind: 'clip';
  /** File as `clips/` writes it. */
  units: string;
  label?: string;
  /** Default first-client. */
  start?: 'first-client' | 'always';
}

/** Stripes, a moving block and the counter strip, encoded live. */
export interface PatternSource {
  kind: 'pattern';
  /** Multiple of 8. Default 640. */
  width?: number;
  /** Multiple of 2. Default 360. */
  height?: number;
  /** Default 10. */
  fps?: number;
  /** Whether the block is there. Default true. */
  moving?: boolean;
  encode?: Pick<Encode, 'keyInt' | 'bframes' | 'bitrateKbps' | 'preset'>;
  audio?: boolean;
}

/** What banksman does not play: for the reason codes. */
export interface OtherSource {
  kind: 'mjpeg' | 'h265' | 'audio';
}

export interface RtspServerOptions {
  /** Default: a free one, kept over `restart()`. */
  port?: number;
  streams: { path: string; source: FileSource | ClipSource | PatternSource | OtherSource }[];
  auth?: { user: string; password: string; method: 'basic' | 'digest' };
  tls?: { certFile: string; keyFile: string };
  cacheDir?: string;
}

export interface SegmentEvent {
  path: string;
  scene: string;
  segment: number;
  label: string | null;
  /** Wall clock when its first picture was sent, epoch ms. */
  atMs: number;
}

type Reply = { id: number; ok: boolean; message?: string; clients?: number };

const SCRIPT = join(import.meta.dirname, 'server.py');
const PYTHON = '/usr/bin/python3';
const DEFAULT_CACHE = join(import.meta.dirname, '../../.cache/rtsp');
const START_LIMIT_MS = 120_000;

/** Starts a server on 127.0.0.1 and waits until it answers; the first use of a file encodes it (seconds). */
export async function startRtspServer(options: RtspServerOptions): Promise<RtspServer> {
  const server = new RtspServer(options);
  await server.restart();
  return server;
}

/** A running server. Every command resolves when the server has taken it. */
export class RtspServer {
  port: number;
  /** Segments begun so far, oldest first. */
  readonly segments: SegmentEvent[] = [];
  readonly #options: RtspServerOptions;
  #child: ChildProcess | null = null;
  #replies = new Map<number, (reply: Reply) => void>();
  #nextId = 1;
  #listeners = new Set<(event: SegmentEvent) => void>();

  constructor(options: RtspServerOptions) {
    this.#options = options;
    this.port = options.port ?? 0;
  }

  /** Without credentials. */
  url(path: string): string {
    return `rtsp${this.#options.tls ? 's' : ''}://127.0.0.1:${this.port}${path}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the server ends by itself; never when it was stopped. */
  async endedByItself(): Promise<void> {
    if (this.#child) await once(this.#child, 'exit');
  }

  /** Called at the beginning of every segment. Returns the way to stop it. */
  onSegment(listener: (event: SegmentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Plays another of the source's `scenes`, from its begin. */
  async scene(path: string, name: string): Promise<void> {
    await this.#command({ cmd: 'scene', path, name });
  }

  /** Sends the same picture for ever. */
  async freeze(path: string, on: boolean): Promise<void> {
    await this.#command({ cmd: 'freeze', path, on });
  }

  async black(path: string, on: boolean): Promise<void> {
    await this.#command({ cmd: 'black', path, on });
  }

  /** Keeps the sessions but sends no picture. */
  async pause(path: string, on: boolean): Promise<void> {
    await this.#command({ cmd: 'pause', path, on });
  }

  /** Patterns only: shows or hides the block. */
  async moving(path: string, on: boolean): Promise<void> {
    await this.#command({ cmd: 'moving', path, on });
  }

  /** Overwrites the slice data of the next `units` pictures. */
  async corrupt(path: string, units: number): Promise<void> {
    await this.#command({ cmd: 'corrupt', path, units });
  }

  /** Closes every client's connection. */
  async disconnect(): Promise<void> {
    await this.#command({ cmd: 'disconnect' });
  }

  /** Connections open now. */
  async clients(): Promise<number> {
    return (await this.#command({ cmd: 'clients' })).clients ?? 0;
  }

  /** Stops the process where it is: connections stay, nothing answers, until `resume()`. */
  suspend(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** As a power cut of the camera, except that the kernel closes its sockets. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Starts again on the same port; ends the old process first where it lives. */
  async restart(): Promise<void> {
    await this.kill();
    const child = spawn(PYTHON, ['-B', SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    child.stdin.on('error', () => undefined);
    const { auth, tls, streams, cacheDir = DEFAULT_CACHE } = this.#options;
    child.stdin.write(`${JSON.stringify({ port: this.port, streams, auth, tls, cacheDir })}\n`);
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new BanksmanError('SIMULATOR_FAILED', { where: 'RTSP server', message: `it ${why}: ${said.trim()}` }));
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail('did not start in time');
      }, START_LIMIT_MS);
      child.once('error', (error) => {
        clearTimeout(timer);
        reject(new BanksmanError('SIMULATOR_FAILED', { where: PYTHON, message: error.message, cause: error }));
      });
      child.once('exit', () => {
        clearTimeout(timer);
        fail('ended');
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line);
        if (message.event === 'ready') {
          clearTimeout(timer);
          this.port = message.port;
          resolve();
        } else if (message.code === 'PORT_TAKEN') {
          reject(new BanksmanError('PORT_TAKEN', { where: `127.0.0.1:${this.port}` }));
        } else if (message.event === 'failed') fail(message.message);
        else if (message.event === 'segment') this.#began(message);
        else this.#replies.get(message.id)?.(message);
      });
    });
  }

  #began({ path, scene, segment, label, atMs }: SegmentEvent): void {
    const event = { path, scene, segment, label, atMs };
    this.segments.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  async #command(command: Record<string, unknown>): Promise<Reply> {
    const child = this.#child;
    if (!child?.stdin?.writable) throw new Error('the RTSP server does not run');
    const id = this.#nextId++;
    const reply = await new Promise<Reply>((resolve) => {
      const gone = (): void => resolve({ id, ok: false, message: 'the server ended' });
      child.once('exit', gone);
      this.#replies.set(id, (answer) => {
        child.off('exit', gone);
        resolve(answer);
      });
      child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
    this.#replies.delete(id);
    if (!reply.ok) throw new Error(`RTSP server: ${reply.message}`);
    return reply;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    child.kill(signal);
    // A stopped process does not see SIGTERM.
    child.kill('SIGCONT');
    await ended;
  }
}
