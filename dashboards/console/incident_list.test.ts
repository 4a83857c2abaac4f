/** Which incidents are asked for, and which the page lists: by state, camera and rule, also by its address. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { at } from '../../runtime/stores/state/samples.ts';
import { Browser } from '../../test/browser.ts';
import { until } from '../../test/wait.ts';
import { TestConsole } from './testing.ts';
import type { IncidentCategories, IncidentPage } from './views.ts';

const closed = { state: 'closed', transition: 'closed', closeReason: 'left' } as const;
const crane = { camera: 'crane', rule: 'near-load' };

const HEIGHT = 900;

let yard: TestConsole;
let base: string;

beforeAll(async () => {
  yard = await TestConsole.create();
  base = await yard.start({});
  const incidents: Record<string, Partial<Incident>> = {
    'gate-open': { openedAt: at(10) },
    'gate-later': { openedAt: at(20) },
    'gate-lost': { openedAt: at(15), state: 'unobserved', transition: 'unobserved', unobservedReason: 'blind: STREAM' },
    'gate-closed': { openedAt: at(0), closedAt: at(5), ...closed },
    'gate-other': { openedAt: at(12), rule: 'after hours + "weekend"' },
    'crane-closed': { openedAt: at(30), closedAt: at(40), severity: 'low', ...crane, ...closed },
  };
  for (const [id, over] of Object.entries(incidents)) await yard.incident(id, over);
});
afterAll(() => yard.end());

describe('the API', () => {
  const get = async <T>(path: string): Promise<T> => (await fetch(base + path)).json() as Promise<T>;

  test('filters by any of several states, by camera and by rule', async () => {
    const ids = async (query: string): Promise<string[]> =>
      (await get<IncidentPage>(`/api/v1/incidents?${query}`)).incidents.map(({ id }) => id);
    const rule = 'rule=person-on-road';
    expect(await ids(`camera=gate&${rule}&state=open&state=unobserved`)).toEqual([
      'gate-later',
      'gate-lost',
      'gate-open',
    ]);
    expect(await ids(`camera=gate&${rule}&state=unobserved`)).toEqual(['gate-lost']);
    expect(await ids(`camera=crane&severity=low&severity=high`)).toEqual(['crane-closed']);
    expect((await fetch(`${base}/api/v1/incidents?state=open&state=never`)).status).toBe(400);
  });

  test('counts by category, each under the filters of the others', async () => {
    const all = await get<IncidentCategories>('/api/v1/incidents/categories?camera=gate');
    expect(all.rule).toEqual({
      values: [
        { value: 'person-on-road', total: 4, byState: { open: 2, unobserved: 1, closed: 1 } },
        { value: 'after hours + "weekend"', total: 1, byState: { open: 1, unobserved: 0, closed: 0 } },
      ],
      more: 0,
    });
    expect(all.camera.values.map(({ value, total }) => [value, total])).toEqual([
      ['gate', 5],
      ['crane', 1],
    ]);
    const open = await get<IncidentCategories>('/api/v1/incidents/categories?rule=near-load&state=open&severity=high');
    expect(open.camera.values).toEqual([]);
    expect(open.rule.values.map(({ value, total }) => [value, total])).toContainEqual(['person-on-road', 2]);
    expect((await fetch(`${base}/api/v1/incidents/categories?severity=dire`)).status).toBe(400);
    const document = await get<{ paths: Record<string, { get: { parameters: unknown[] } }> }>('/openapi.json');
    for (const path of ['/api/v1/incidents', '/api/v1/incidents/categories']) {
      expect(document.paths[path]?.get.parameters, path).toContainEqual(
        expect.objectContaining({ name: 'state', required: false, schema: expect.objectContaining({ type: 'array' }) }),
      );
    }
  });
});

describe('the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start({ width: 1440, height: HEIGHT });
  }, 180_000);
  afterAll(() => browser.close(), 180_000);

  let page: Page;
  let errors: string[];
  beforeEach(() => {
    errors = [];
  });
  const open = async (address: string): Promise<void> => {
    ({ page, errors } = await browser.open(`${base}/${address}`));
  };
  const shown = (): Promise<string[]> =>
    page
      .locator('[data-incident]')
      .evaluateAll((items) => items.map((item) => item.getAttribute('data-incident') ?? ''));
  const shows = (...ids: string[]): Promise<unknown> =>
    until(`the list to be ${ids}`, async () => (await shown()).join() === ids.join());
  const chosen = async (): Promise<string[]> =>
    Promise.all(['show', 'camera', 'rule'].map((name) => page.locator(`#filter-${name}`).inputValue()));
  const LIMIT = { timeout: 300_000 };

  test('an address leads to what is open of a camera and rule, and outlives a reload', LIMIT, async () => {
    await open('#incidents=open&camera=gate&rule=person-on-road');
    await shows('gate-later', 'gate-lost', 'gate-open');
    const first = page.locator('[data-incident=gate-later][aria-current=true]');
    await first.waitFor();
    await until('it to be in view', async () => ((await first.boundingBox())?.y ?? Infinity) < HEIGHT);
    expect(await chosen()).toEqual(['open', 'gate', 'person-on-road']);
    expect(await page.locator('[aria-current]').count()).toBe(1);
    expect(await page.locator('#viewer').isVisible()).toBe(false);
    await page.reload();
    await shows('gate-later', 'gate-lost', 'gate-open');
    expect(await chosen()).toEqual(['open', 'gate', 'person-on-road']);
    expect(errors).toEqual([]);
    await page.close();
  });

  test(
    'filters are chosen by what there is, are in the address, and can be cleared and gone back to',
    LIMIT,
    async () => {
      await open('');
      await until('all of them', async () => (await shown()).length === 6);
      const rule = page.locator('#filter-rule');
      await rule.getByText('person-on-road (4)').waitFor({ state: 'attached' });
      expect(await page.locator('#filter-clear').isVisible()).toBe(false);
      await rule.selectOption('after hours + "weekend"');
      await shows('gate-other');
      const camera = page.locator('#filter-camera');
      await until('the counts of this rule', async () => (await camera.textContent())?.includes('gate (1)'));
      expect(await camera.textContent()).not.toContain('crane');
      await page.reload();
      await shows('gate-other');
      expect(await chosen()).toEqual(['all', '', 'after hours + "weekend"']);
      await page.locator('#filter-clear').click();
      await until('all of them', async () => (await shown()).length === 6);
      expect(new URL(page.url()).hash).toBe('');
      await page.goBack();
      await shows('gate-other');
      await page.getByRole('link', { name: 'Open incidents' }).click();
      await shows('gate-later', 'gate-lost', 'gate-other', 'gate-open');
      expect(errors).toEqual([]);
      await page.close();
    },
  );

  test('says where nothing is open any more, and leads to the newest and to all', LIMIT, async () => {
    await open('#incidents=open&camera=crane&rule=near-load');
    const note = page.locator('.empty');
    await note.getByText('No incident of near-load at crane is open now.').waitFor();
    await note.getByRole('link', { name: /^The newest: near-load at crane, opened .*, ended / }).click();
    await page.locator('#viewer').getByText('near-load at crane').waitFor();
    await page.locator('#viewer .close').click();
    expect(await chosen()).toEqual(['open', 'crane', 'near-load']);
    await note.getByRole('link', { name: /^The newest/ }).click();
    await page.locator('#viewer').getByText('near-load at crane').waitFor();
    await page.locator('#viewer .close').click();
    await note.getByRole('link', { name: 'Show them all' }).click();
    await shows('crane-closed');
    await page.goto(`${base}/#incidents=all&camera=nowhere`);
    await note.getByText('No incident at nowhere is kept.').waitFor();
    await page.goto(`${base}/#incidents=open&rule=nothing`);
    await note.getByText('No incident of nothing is open now.').waitFor();
    await note.getByText('None is kept from before.').waitFor();
    await page.goto(`${base}/#incidents=all&camera=nowhere`);
    await note.getByText('No incident at nowhere is kept.').waitFor();
    expect(await chosen()).toEqual(['all', 'nowhere', '']);
    await page.goto(`${base}/#incidents=opened`);
    const notice = page.getByText('incidents=opened; it can be all, open, unobserved or closed');
    await notice.waitFor();
    await until('it to be in view', async () => ((await notice.boundingBox())?.y ?? -1) >= 0);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('what cannot be read is not taken for what was shown before', LIMIT, async () => {
    await open('#incidents=closed&camera=gate');
    await shows('gate-closed');
    await page.route('**/api/v1/incidents?*', (route) => route.fulfill({ status: 503, body: '{}' }));
    await page.locator('#filter-camera').selectOption('crane');
    await page.locator('.empty').getByText('These incidents cannot be read now.').waitFor();
    expect(await shown()).toEqual([]);
    await page.unroute('**/api/v1/incidents?*');
    await page.locator('#filter-clear').click();
    await until('all of them', async () => (await shown()).length > 5);
    await page.close();
  });

  test('what happens meanwhile obeys the filters', LIMIT, async () => {
    const alley = { camera: 'alley', rule: 'dwell' };
    await open('#incidents=open&camera=alley&rule=dwell');
    await page.locator('.empty').getByText('No incident of dwell at alley is open now.').waitFor();
    await yard.announce('elsewhere', { openedAt: at(100), camera: 'alley', rule: 'other' });
    await yard.announce('here', { openedAt: at(101), ...alley });
    await shows('here');
    await until('its count', async () => (await page.locator('#filter-rule').textContent())?.includes('dwell (1)'));
    await yard.announce('here', { openedAt: at(101), ...alley, revision: 2, state: 'unobserved' });
    await page.locator('[data-incident=here]').getByText('not visible now').waitFor();
    await yard.announce('here', { openedAt: at(101), ...alley, revision: 3, ...closed, closedAt: at(120) });
    await page.locator('.empty').getByText('The newest: dwell at alley').waitFor();
    expect(await shown()).toEqual([]);
    await yard.announce('again', { openedAt: at(130), ...alley });
    await shows('again');
    expect(errors).toEqual([]);
    await page.close();
  });
});
