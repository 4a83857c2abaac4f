import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import { type Watch, watchesOf } from '../../simulator/score.ts';

/** The site file that the demo runs on, which people may edit meanwhile: what it asks of banksman. */
export class SiteFile {
  readonly #path: string;
  #text = '';
  #changedMs = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws BanksmanError when it asks what the truth does not know. */
  async watches(): Promise<Watch[]> {
    this.#changedMs = (await stat(this.#path)).mtimeMs;
    this.#text = await readFile(this.#path, 'utf8');
    return watchesOf(parse(this.#text));
  }

  /** @returns what it asks now, when it was edited since it was read last; what cannot be judged is said once. */
  async edited(onRefused: (why: string) => void): Promise<Watch[] | null> {
    try {
      if ((await stat(this.#path)).mtimeMs === this.#changedMs) return null;
      const before = this.#text;
      const watches = await this.watches();
      return this.#text === before ? null : watches;
    } catch (error) {
      // An editor may write it anew: it is away for a moment.
      if (asError(error).message.startsWith('ENOENT')) return null;
      const why = error instanceof BanksmanError ? error.message : asError(error).message.split('\n')[0];
      onRefused(`the edited site file is not judged: ${why}`);
      return null;
    }
  }
}
