import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** Far more than a page needs: what is waited for is the page, not a machine that is busy with other tests. */
const LAUNCH_MS = 120_000;
const ACTION_MS = 90_000;

/** Debian's Chromium, headless, with a profile of its own and no talk to the outside. */
export class Browser {
  readonly #profile: string;
  readonly #context: BrowserContext;

  private constructor(profile: string, context: BrowserContext) {
    this.#profile = profile;
    this.#context = context;
  }

  static async start(viewport = { width: 1440, height: 900 }): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'banksman-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: '/usr/bin/chromium',
      headless: true,
      viewport,
      timeout: LAUNCH_MS,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    context.setDefaultTimeout(ACTION_MS);
    return new Browser(profile, context);
  }

  /** A page whose script errors are collected in `errors`. */
  async open(url: string): Promise<{ page: Page; errors: string[] }> {
    const page = await this.#context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(url);
    return { page, errors };
  }

  async close(): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
