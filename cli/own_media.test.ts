import { afterEach, expect, it, vi } from 'vitest';
import { loadSiteText } from '../config/load.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { ownMedia } from './own_media.ts';

afterEach(() => vi.unstubAllEnvs());

function mediaOf(more = ''): ReturnType<typeof ownMedia> {
  const text = `site: yard\ncameras: { gate: { url: "rtsp://h/s" } }\nrules: [{ id: a, type: zone_entry }]\n${more}`;
  const result = loadSiteText(text, '/site.yaml');
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const active = { config: result.config, configHash: '' };
  return ownMedia({ active, clock: systemClock, metrics: new PrometheusMetrics(), log: silentLogger });
}

it('an agent listens and is reached as the site file says', () => {
  expect(mediaOf('media: { bind: "127.0.0.1:9465" }').address).toBe('http://127.0.0.1:9465');
  expect(mediaOf('media: { advertise: "https://media.example/a" }').address).toBe('https://media.example/a');
});

it('unless its environment gives it addresses of its own', () => {
  vi.stubEnv('BANKSMAN_MEDIA_BIND', '127.0.0.1:9466');
  expect(mediaOf('media: { bind: "127.0.0.1:9465" }').address).toBe('http://127.0.0.1:9466');
  vi.stubEnv('BANKSMAN_MEDIA_ADVERTISE', 'http://agent-1:9466');
  expect(mediaOf('media: { advertise: "http://agent-0:1" }').address).toBe('http://agent-1:9466');
});

it.each([
  ['BANKSMAN_MEDIA_BIND', '9465', /HOST:PORT/],
  ['BANKSMAN_MEDIA_ADVERTISE', '10.0.0.1:9465', /http:\/\//],
  ['BANKSMAN_MEDIA_ADVERTISE', 'http://me:secret@10.0.0.1:9465', /^(?!.*secret)/],
])('%s that is none is refused, by its name: %s', (name, value, message) => {
  vi.stubEnv(name, value);
  expect(() => mediaOf()).toThrow(
    expect.objectContaining({ code: 'USAGE', where: name, message: expect.stringMatching(message) }),
  );
});
