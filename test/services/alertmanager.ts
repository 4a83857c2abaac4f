/** For tests: a real Alertmanager on loopback. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServerProcess } from './server_process.ts';

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  fingerprint: string;
  generatorURL: string;
  status: { state: string };
}

export class Alertmanager extends ServerProcess {
  constructor() {
    super('prometheus-alertmanager');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  protected override prepare(folder: string): Promise<void> {
    const config = 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n';
    return writeFile(join(folder, 'alertmanager.yaml'), config);
  }

  protected override args(folder: string): string[] {
    return [
      `--config.file=${join(folder, 'alertmanager.yaml')}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${this.port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ];
  }

  protected override async isReady(): Promise<boolean> {
    return (await fetch(`${this.url}/-/ready`)).ok;
  }

  /** Those that fire now. */
  async firing(): Promise<Alert[]> {
    const alerts: Alert[] = JSON.parse(await (await fetch(`${this.url}/api/v2/alerts`)).text());
    return alerts;
  }
}
