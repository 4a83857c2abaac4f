import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './hash.ts';
import { type LoadedSite, loadSite, loadSiteText } from './load.ts';

const example = (name: string): string => fileURLToPath(new URL(`examples/${name}`, import.meta.url));

function loaded(text: string, path = '/etc/banksman/site.yaml'): LoadedSite {
  const result = loadSiteText(text, path);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result;
}

const BASE = `site: yard
cameras:
  gate:
    url: rtsp://10.0.0.11/live
    zones: { road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]] }
rules:
  - { id: entry, type: zone_entry, zone: road }
`;

describe('a site file without mistakes', () => {
  it.each(['quickstart.yaml', 'full.yaml'])('examples/%s loads without a problem or warning', async (name) => {
    const result = await loadSite(example(name));
    expect(result).not.toHaveProperty('problems');
    expect(result).toMatchObject({ warnings: [] });
  });

  it('is the one of the contracts', () => {
    const { config, warnings } = loaded(`
site: north-yard
data_dir: ./data
cameras:
  gate:
    url: rtsp://10.0.0.11:554/stream2
    record_url: rtsp://10.0.0.11:554/stream1
    username: \${GATE_USER}
    password: \${GATE_PASSWORD}
    transport: tcp
    tls: { verify: true, ca_file: null }
    sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 }
    model: yolox-nano
    regions: full
    zones:
      road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]
    lines:
      entrance: [[0.2, 0.8], [0.8, 0.8]]
    ignore_masks: []
    privacy_masks: []
schedules:
  night: { days: mon-sun, from: "20:00", to: "06:00", timezone: Europe/Dublin }
rules:
  - id: person-on-road
    type: zone_entry
    cameras: [gate]
    zone: road
    classes: [person]
    schedule: night
    min_duration_s: 0.5
    hold_s: 5
    detect_within_s: 2
    cool_down_s: 60
    severity: high
evidence: { store: local, retention: { clips_days: 30, records_days: 365, max_bytes: 50GB } }
state: { store: embedded }
bus: { type: local }
console: { bind: 127.0.0.1:8080 }
metrics: { bind: 127.0.0.1:9464 }
media: { bind: 127.0.0.1:0, advertise: null }
`);
    expect(warnings.map(({ path, code }) => `${path} ${code}`)).toEqual(['cameras.gate.lines.entrance CONFIG_UNUSED']);
    expect(config.cameras['gate']).toMatchObject({
      username: { env: 'GATE_USER' },
      password: { env: 'GATE_PASSWORD' },
    });
    expect(config.rules[0]?.schedule).toEqual({
      days: [0, 1, 2, 3, 4, 5, 6],
      from: '20:00',
      to: '06:00',
      timezone: 'Europe/Dublin',
    });
    expect(config.evidence.retention.max_bytes).toBe(50e9);
    expect(config.console.bind).toEqual({ host: '127.0.0.1', port: 8080 });
  });

  it('makes paths absolute from the folder of the file', () => {
    const { config } = loaded(BASE.replace('live', 'live\n    username: u\n    password_file: secrets/gate'));
    expect(config.data_dir).toBe('/etc/banksman/data');
    expect(config.cameras['gate']?.password).toEqual({ file: '/etc/banksman/secrets/gate' });
  });

  it('merges built-in values, defaults and camera, the nearest winning, `*` before the class', () => {
    const { config } =
      loaded(`${BASE.replace('live', 'live\n    sampling: { active_fps: 8 }\n    filters: { person: { score: 0.6 } }')}
defaults:
  sampling: { active_fps: 4, width_px: 640 }
  filters: { "*": { score: 0.5, low: 0.2 }, person: { min_area: 0.01 } }
`);
    expect(config.cameras['gate']?.sampling).toEqual({ idle_fps: 0.5, active_fps: 8, width_px: 640 });
    expect(config.cameras['gate']?.filters['person']).toMatchObject({ score: 0.6, low: 0.2, min_area: 0.01 });
    expect(config.cameras['gate']?.filters['*']).toMatchObject({ score: 0.5, low: 0.2, min_area: 0 });
  });

  it('fills in what a bucket needs beside its name', () => {
    const { config } = loaded(`${BASE}evidence: { store: s3, s3: { bucket: yard-evidence } }\n`);
    expect(config.evidence).toMatchObject({
      store: 's3',
      s3: { bucket: 'yard-evidence', prefix: '', endpoint: null, region: null, object_lock: null, link_expires_s: 300 },
      spool: { max_bytes: 2e9 },
    });
    expect(loaded(BASE).config.evidence).toMatchObject({ store: 'local', s3: null });
  });

  it('gives a rule without cameras every camera that has its zone', () => {
    const { config } = loaded(
      BASE.replace('rules:', '  shed: { url: "rtsp://h/s" }\nrules:\n  - { id: all, type: zone_entry }'),
    );
    expect(config.rules.map((rule) => rule.cameras)).toEqual([['gate', 'shed'], ['gate']]);
  });

  it('follows aliases and merge keys', () => {
    const { config } = loaded(
      BASE.replace('live', 'live\n    sampling: &s { active_fps: 7 }').replace(
        'rules:',
        '  shed:\n    <<: { transport: udp }\n    url: rtsp://h/s\n    sampling: *s\nrules:\n  - { id: all, type: zone_entry }',
      ),
    );
    expect(config.cameras['shed']).toMatchObject({ transport: 'udp', sampling: { active_fps: 7 } });
  });

  it('takes 24:00 as the end of a day and days in any form', () => {
    const { config } = loaded(`${BASE}schedules:
  a: { from: "8:00", to: "24:00", timezone: UTC }
  b: { days: [fri-mon, Wednesday], from: "00:00", to: "00:00", timezone: America/New_York }
`);
    expect(config.schedules['a']).toMatchObject({ days: [0, 1, 2, 3, 4, 5, 6], from: '08:00', to: '00:00' });
    expect(config.schedules['b']?.days).toEqual([0, 1, 3, 5, 6]);
  });
});

describe('configHash', () => {
  it('does not depend on order, comments, spelling of defaults or the place of the file', () => {
    const moved = `# a comment\nrules:\n  - zone: road\n    type: zone_entry\n    id: entry\n    severity: medium\n${BASE.slice(0, BASE.indexOf('rules:'))}`;
    expect(loaded(moved, '/elsewhere/site.yaml').configHash).toBe(loaded(BASE).configHash);
  });

  it('changes with what a role would see', () => {
    expect(loaded(BASE.replace('0.9, 0.5', '0.8, 0.5')).configHash).not.toBe(loaded(BASE).configHash);
  });

  it('covers the names of secrets and never a value', () => {
    process.env['BANKSMAN_TEST_SECRET'] = 'tr0ub4dor';
    const { canonical } = loaded(BASE.replace('live', 'live\n    username: u\n    password: ${BANKSMAN_TEST_SECRET}'));
    delete process.env['BANKSMAN_TEST_SECRET'];
    expect(canonical).toContain('BANKSMAN_TEST_SECRET');
    expect(canonical).not.toContain('tr0ub4dor');
    expect(canonicalJson(JSON.parse(canonical))).toBe(canonical);
  });
});

describe('loadSite', () => {
  it('says where no file is', async () => {
    const result = await loadSite('/nowhere/site.yaml');
    expect(result).toMatchObject({ problems: [{ code: 'CONFIG_NOT_FOUND', line: 1, column: 1 }] });
  });

  it('reads a file with a byte order mark and Windows line ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-config-'));
    const path = join(folder, 'site.yaml');
    await writeFile(path, `\uFEFF${BASE.replaceAll('\n', '\r\n')}`);
    expect(await loadSite(path)).toMatchObject({ config: { site: 'yard', data_dir: join(folder, 'data') } });
  });

  it('reads a site of 1,000 cameras within seconds', () => {
    const cameras = Array.from(
      { length: 1000 },
      (_, i) => `  cam-${i}: { url: "rtsp://10.0.${i >> 8}.${i & 255}/live" }`,
    );
    const before = performance.now();
    const { config } = loaded(`site: big\ncameras:\n${cameras.join('\n')}\nrules: [{ id: a, type: zone_entry }]`);
    expect(Object.keys(config.cameras)).toHaveLength(1000);
    // One or two on a machine with nothing else to do.
    expect(performance.now() - before).toBeLessThan(60_000);
  });
});
