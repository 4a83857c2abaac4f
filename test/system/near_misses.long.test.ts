/** Near misses from the picture to the metric, against the truth of the simulated site. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderClips } from '../../simulator/clips/render.ts';
import { serveClips, siteClips } from '../../simulator/clips/site_clips.ts';
import type { RtspServer } from '../../simulator/rtsp/server.ts';
import type { TrueIncident } from '../../simulator/world/types.ts';
import { until } from '../wait.ts';
import { Up } from './up.ts';
import { metricSum } from './watch_bus.ts';

let server: RtspServer;
let up: Up;
/** Each round somebody goes to the edge of the pit, once. */
let visits: TrueIncident[];

beforeAll(async () => {
  const { specs, world } = siteClips({ scenario: 'zone_entry', seed: 1, cameras: ['pit'] });
  visits = world.incidents.filter(({ kind, place }) => kind === 'zone_entry' && place === 'exclusion');
  server = await serveClips(await renderClips(specs, { incidents: () => world.incidents }));
  const zone = { zone: 'exclusion', hold_s: 3 };
  up = await Up.start({
    detect: { workers: 1 },
    defaults: { model: 'starter', sampling: { idle_fps: 1, active_fps: 5 } },
    cameras: {
      pit: {
        url: server.url('/pit'),
        zones: {
          exclusion: [
            [0.132, 0.407],
            [0.586, 0.928],
            [0.93, 0.476],
            [0.48, 0.246],
          ],
        },
      },
    },
    rules: [
      { id: 'comes', type: 'zone_entry', ...zone },
      // Nobody does. A machine that stalls is not blind for what this one promises.
      { id: 'stays', type: 'dwell', dwell_s: 600, detect_within_s: 60, ...zone },
    ],
  });
}, 600_000);

afterAll(async () => {
  await up?.[Symbol.asyncDispose]();
  await server?.stop();
});

test('each visit to the pit is a near miss of the rule that it does not last for', { timeout: 600_000 }, async () => {
  expect(visits).toHaveLength(1);
  const nearMisses = async (rule: string): Promise<number> =>
    metricSum(await up.metrics(), 'near_misses_total', { rule });
  await until('two near misses', async () => (await nearMisses('stays')) >= 2, 400_000, 500);
  const counted = await nearMisses('stays');
  const rounds = server.segments.length;
  console.log(`${counted} near misses in ${rounds} rounds`);
  expect(counted).toBeLessThanOrEqual(rounds);
  // What is an incident is none.
  const incidents = await up.incidents();
  expect(incidents.map(({ rule }) => rule)).toEqual(incidents.map(() => 'comes'));
  expect(incidents.length).toBeGreaterThan(0);
  expect(await nearMisses('comes')).toBe(0);
});
