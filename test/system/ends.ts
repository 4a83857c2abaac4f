import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { lockDataDir } from '../../runtime/bus/local/lock.ts';
import { YOLOX_NANO } from '../data.ts';
import { banksman, type SiteObject } from './up.ts';
import { Command, type Ended } from './wrong_up.ts';

/** One site whose `up` is ended in every way, over and over on the same data. */
export class EndedSite {
  readonly dataDir: string;
  readonly #dir: string;
  readonly #path: string;
  readonly #models: string;
  #command: Command | undefined;

  private constructor(dir: string) {
    this.#dir = dir;
    this.dataDir = join(dir, 'data');
    this.#path = join(dir, 'site.yaml');
    this.#models = join(dir, 'models');
  }

  static async make(site: SiteObject): Promise<EndedSite> {
    const made = new EndedSite(await mkdtemp(join(tmpdir(), 'banksman-ends-')));
    const common = { site: 'test', console: { bind: '127.0.0.1:0' }, metrics: { bind: '127.0.0.1:0' } };
    await writeFile(made.#path, stringify({ ...common, ...site }));
    await mkdir(made.dataDir);
    const env = { BANKSMAN_MODELS_DIR: made.#models };
    const pulled = await banksman(['models', 'pull', 'yolox-nano', '--from', YOLOX_NANO], env);
    if (pulled.code !== 0) throw new Error(pulled.stderr);
    return made;
  }

  up(...args: string[]): Command {
    this.#command = new Command(['up', '-c', this.#path, ...args], { BANKSMAN_MODELS_DIR: this.#models });
    return this.#command;
  }

  /** Holds an end to what all have in common: no process, no lock, and no word of a program that broke. */
  async left(command: Command, ended: Ended): Promise<void> {
    expect(command.left(), 'processes left').toEqual([]);
    expect(ended.stderr, 'beside the log').toBe('');
    expect(ended.log, 'in the log').not.toMatch(/"level":"(error|fatal)"/);
    await (await lockDataDir(this.dataDir)).release();
  }

  async remove(): Promise<void> {
    this.#command?.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** It has told where the console is: everything runs. */
export function isUp({ output }: Command): boolean {
  return output.includes('metrics  http');
}
