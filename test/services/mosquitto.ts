/** For tests: a real MQTT broker on loopback, with one account, in a temporary folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../runtime/ports.ts';
import { makeCertificate } from '../../simulator/rtsp/certificate.ts';
import { until } from '../wait.ts';

/** Debian has the server outside of the PATH of users. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;

/** Started again it has the same port. */
export class Mosquitto {
  readonly #account: { user: string; password: string };
  #folder: string | undefined;
  #port = 0;
  #child: ChildProcess | undefined;

  readonly #tls: boolean;
  /** Of a server with TLS: its own authority. */
  certFile = '';

  constructor(account: { user: string; password: string }, tls = false) {
    this.#account = account;
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    if (this.#folder === undefined) {
      const folder = await mkdtemp(join(tmpdir(), 'banksman-mosquitto-'));
      this.#folder = folder;
      this.#port = await freePort();
      const { user, password } = this.#account;
      spawnSync('mosquitto_passwd', ['-b', '-c', join(folder, 'accounts'), user, password], { env: { PATH } });
      const lines = [`listener ${this.#port} 127.0.0.1`, `password_file ${join(folder, 'accounts')}`];
      if (this.#tls) {
        const { certFile, keyFile } = makeCertificate(folder);
        this.certFile = certFile;
        lines.push(`certfile ${certFile}`, `keyfile ${keyFile}`);
      }
      // Started by root it would become somebody who may not read this folder.
      await writeFile(join(folder, 'mosquitto.conf'), [...lines, 'user root', 'allow_anonymous false', ''].join('\n'));
    }
    const child = spawn('mosquitto', ['-c', join(this.#folder, 'mosquitto.conf')], { stdio: 'ignore', env: { PATH } });
    this.#child = child;
    process.once('exit', () => child.kill('SIGKILL'));
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = new Error(`there is no mosquitto: run ./setup --test (${error.message})`);
    });
    await until(
      'mosquitto to listen',
      async () => failed !== undefined || child.exitCode !== null || (await this.#listens()),
    );
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
    return this;
  }

  freeze(on: boolean): void {
    this.#child?.kill(on ? 'SIGSTOP' : 'SIGCONT');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}
