import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diffSites } from './diff.ts';
import { loadSiteText } from './load.ts';
import type { SiteConfig } from './site.ts';

const example = readFileSync(new URL('examples/full.yaml', import.meta.url), 'utf8');

function load(text: string): SiteConfig {
  const result = loadSiteText(text, '/site.yaml');
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** Diff of the full example and itself with one text replaced. */
function edit(from: string, to: string) {
  expect(example).toContain(from);
  return diffSites(load(example), load(example.replace(from, to)));
}

describe('diffSites', () => {
  it('sees nothing in a comment, an order or a default written out', () => {
    const diff = edit('# Options that every camera has', '# Other words');
    expect(diff).toMatchObject({ same: true, lines: [], restarts: [] });
    expect(edit('transport: tcp', '').same).toBe(true);
  });

  it('a moved zone keeps the connection', () => {
    const diff = edit('road: [[0.1, 0.5]', 'road: [[0.2, 0.5]');
    expect(diff.cameras.changed).toEqual([{ id: 'gate', options: ['zones.road'], reconnects: false }]);
    expect(diff).toMatchObject({ rules: { changed: [] }, restarts: [], lines: ['camera gate changed: zones.road'] });
  });

  it('a new address connects anew', () => {
    const diff = edit('11:554/stream2', '11:554/stream3');
    expect(diff.cameras.changed).toEqual([{ id: 'gate', options: ['url'], reconnects: true }]);
    expect(diff.lines).toEqual(['camera gate changed: url, connects anew']);
  });

  it('a new secret or certificate connects anew', () => {
    expect(edit('${GATE_PASSWORD}', '${OTHER}').cameras.changed).toMatchObject([
      { options: ['password'], reconnects: true },
    ]);
    expect(edit('verify: true', 'verify: false').cameras.changed).toMatchObject([
      { options: ['tls.verify'], reconnects: true },
    ]);
  });

  it('a default reaches the cameras that use it', () => {
    const diff = edit('active_fps: 5', 'active_fps: 6');
    expect(diff.cameras.changed.map(({ id }) => id)).toEqual(['ramp', 'old-shed']);
  });

  it('a schedule reaches the rules and cameras that name it', () => {
    const diff = edit('to: "06:00"', 'to: "07:00"');
    expect(diff.rules.changed).toEqual([{ id: 'person-on-road', options: ['schedule'] }]);
    expect(diff.cameras.changed.map(({ id }) => id)).toEqual(['gate']);
  });

  it('another price holds at once', () => {
    const lines = ['prices.storage_gb_month changed: holds at once'];
    expect(edit('storage_gb_month: 0.05', 'storage_gb_month: 0.02')).toMatchObject({ restarts: [], lines });
  });

  it('cameras and rules come and go', () => {
    const gone = edit('  old-shed:\n    url: rtsp://10.0.0.13/live\n    enabled: false # kept, not connected\n', '');
    expect(gone).toMatchObject({
      cameras: { removed: ['old-shed'] },
      lines: ['camera old-shed removed', 'rule camera-down changed: cameras'],
    });
    const renamed = diffSites(load(example), load(example.replaceAll('loitering-on-ramp', 'loitering')));
    expect(renamed.rules).toMatchObject({ added: ['loitering'], removed: ['loitering-on-ramp'] });
  });

  it.each([
    ['timeout_s: 10', 'timeout_s: 11', 'alerts.webhooks', ['sink']],
    ['workers: auto', 'workers: 2', 'detect.workers', ['process']],
    ['records_days: 365', 'records_days: 30', 'evidence.retention.records_days', ['sink']],
    ['127.0.0.1:8080', '127.0.0.1:8081', 'console.bind', ['console']],
    ['127.0.0.1:9464', '127.0.0.1:9465', 'metrics.bind', ['up']],
    ['advertise: null', 'advertise: http://a', 'media.advertise', ['ingest']],
    ['max_bytes: 128MB', 'max_bytes: 1GB', 'bus.frames.max_bytes', ['up']],
    ['data_dir: ./data', 'data_dir: ./other', 'data_dir', ['up']],
  ])('%s → %s restarts its role', (from, to, section, restarts) => {
    const diff = edit(from, to);
    expect(diff).toMatchObject({ sections: [section], restarts, same: false });
    expect(diff.lines).toHaveLength(1);
    expect(diff.cameras.changed).toEqual([]);
  });
});
