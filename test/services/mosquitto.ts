/** For tests: a real MQTT broker on loopback, with one account. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { makeCertificate } from '../../simulator/rtsp/certificate.ts';
import { SERVER_PATH, ServerProcess } from './server_process.ts';

export class Mosquitto extends ServerProcess {
  readonly #account: { user: string; password: string };
  readonly #tls: boolean;
  /** Of a server with TLS: its own authority. */
  certFile = '';

  constructor(account: { user: string; password: string }, tls = false) {
    super('mosquitto');
    this.#account = account;
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${this.port}`;
  }

  protected override async prepare(folder: string): Promise<void> {
    const { user, password } = this.#account;
    const env = { PATH: SERVER_PATH };
    spawnSync('mosquitto_passwd', ['-b', '-c', join(folder, 'accounts'), user, password], { env });
    const lines = [`listener ${this.port} 127.0.0.1`, `password_file ${join(folder, 'accounts')}`];
    if (this.#tls) {
      const { certFile, keyFile } = makeCertificate(folder);
      this.certFile = certFile;
      lines.push(`certfile ${certFile}`, `keyfile ${keyFile}`);
    }
    // Started by root it would become somebody who may not read this folder.
    await writeFile(join(folder, 'mosquitto.conf'), [...lines, 'user root', 'allow_anonymous false', ''].join('\n'));
  }

  protected override args(folder: string): string[] {
    return ['-c', join(folder, 'mosquitto.conf')];
  }

  protected override isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}
