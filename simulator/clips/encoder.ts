import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BanksmanError } from '../../runtime/errors.ts';
import type { CameraModel } from '../camera.ts';
import { colorimetry } from '../picture/convert.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'encoder.py');

interface Answer {
  ok: boolean;
  bytes?: number;
  message?: string;
  errno?: number | null;
}

/** x264 in a process of its own; one job after the other. */
export class Encoder {
  #child: ChildProcess | null = null;
  #said = '';
  #answers: ((answer: Answer) => void)[] = [];
  #written: Promise<void> = Promise.resolve();
  readonly #copies: Buffer[] = [];
  #turn = 0;

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Begins a clip of `frames` pictures, written to `out` when all have come.
   * @returns resolves when it is written, to its bytes. @throws BanksmanError SIMULATOR_FAILED, STORE_FULL.
   */
  begin(camera: CameraModel, frames: number, out: string): Promise<number> {
    const child = this.#ready();
    const { width, height, fps, rate } = camera;
    const job = { width, height, fps, frames, mode: rate.mode, kbps: rate.kbps, colorimetry: colorimetry(height), out };
    child.stdin?.write(`${JSON.stringify(job)}\n`);
    return new Promise((resolve, reject) => {
      this.#answers.push(({ ok, bytes, message, errno }) => {
        if (ok) return resolve(bytes ?? 0);
        const full = errno === 28 || message?.includes('No space left');
        reject(
          full
            ? new BanksmanError('STORE_FULL', {
                where: out,
                message: 'there is no room for clips on the disk',
                mend: 'Make room on that disk.',
              })
            : new BanksmanError('SIMULATOR_FAILED', { where: 'encoder', message: message ?? 'it failed' }),
        );
      });
    });
  }

  /**
   * Copies the picture and goes on when the one before has been taken: so drawing and encoding overlap.
   * @returns false when the encoder has gone; what `begin` gave says why.
   */
  async frame(i420: Buffer, isKey: boolean): Promise<boolean> {
    this.#turn ^= 1;
    let copy = this.#copies[this.#turn];
    if (copy?.length !== i420.length + 1) {
      copy = Buffer.allocUnsafeSlow(i420.length + 1);
      this.#copies[this.#turn] = copy;
    }
    copy[0] = isKey ? 1 : 0;
    i420.copy(copy, 1);
    await this.#written;
    const child = this.#child;
    if (!child) return false;
    this.#written = new Promise((resolve) => child.stdin?.write(copy, () => resolve()));
    return true;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #ready(): ChildProcess {
    if (this.#child) return this.#child;
    const child = spawn(PYTHON, ['-B', SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    this.#said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-2000);
    });
    // Said by the end of the process, which comes as well.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#answers.shift()?.(JSON.parse(line)));
    const gone = (why: string): void => {
      if (this.#child === child) this.#child = null;
      for (const answer of this.#answers.splice(0)) answer({ ok: false, message: why });
    };
    child.once('error', (error) => gone(error.message));
    child.once('close', () => gone(`it ended: ${this.#said.trim()}`));
    return child;
  }
}
