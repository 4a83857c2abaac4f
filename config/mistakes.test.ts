import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../runtime/errors.ts';
import { loadSiteText } from './load.ts';
import type { Problem } from './problems.ts';

const MODELS = new Map([
  ['yolox-nano', ['person', 'car']],
  ['nanodet-m', ['person']],
]);

/** Loads a text in which «…» marks where the problem is, and gives problems with the marked place. */
function load(marked: string): { problems: Problem[]; line: number; column: number } {
  const offset = marked.indexOf('«');
  const before = marked.slice(0, offset).split('\n');
  const text = marked.replace('«', '');
  const result = loadSiteText(text, '/site.yaml', { models: MODELS });
  const problems = 'problems' in result ? result.problems : [];
  return { problems, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const camera = (lines: string): string => `site: yard
cameras:
  gate:
    url: rtsp://10.0.0.11/live
    zones:
      road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]
    lines:
      door: [[0.1, 0.5], [0.9, 0.5]]
${lines.replace(/^/gm, '    ')}
rules:
  - { id: entry, type: zone_entry, zone: road }
`;
const rules = (lines: string): string => `site: yard
cameras:
  gate:
    url: rtsp://10.0.0.11/live
    zones: { road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]] }
    lines: { door: [[0.1, 0.5], [0.9, 0.5]] }
  shed: { url: rtsp://10.0.0.12/live }
rules:
${lines}
`;
const top = (lines: string): string => `site: yard
cameras: { gate: { url: rtsp://10.0.0.11/live } }
${lines}
`;

const channel = (options: string): string => top(`alerts: { channels: [{ id: a, ${options} }] }`);

type Case = [what: string, marked: string, code: ErrorCode, says: RegExp, suggestion?: string];

/** Each holds exactly one mistake. */
const CASES: Case[] = [
  ['unknown top-level key', top('«ruels: []'), 'CONFIG_UNKNOWN_KEY', /`ruels`/, 'rules'],
  ['unknown camera key', camera('«pasword_file: x'), 'CONFIG_UNKNOWN_KEY', /gate\.pasword_file/, 'password_file'],
  ['unknown key in a flow map', camera('sampling: { «activ_fps: 3 }'), 'CONFIG_UNKNOWN_KEY', /activ_fps/, 'active_fps'],
  ['key one level too high', camera('«active_fps: 3'), 'CONFIG_UNKNOWN_KEY', /active_fps/, 'sampling.active_fps'],
  [
    'key of another kind of rule',
    rules('  - { id: a, type: zone_entry, «line: door }'),
    'CONFIG_UNKNOWN_KEY',
    /type of rule/,
  ],
  ['missing site', '«cameras: { gate: { url: rtsp://h/x } }\n', 'CONFIG_MISSING_KEY', /`site` is missing/],
  ['missing url', 'site: y\ncameras:\n  «gate: {}\n', 'CONFIG_MISSING_KEY', /gate\.url` is missing/],
  [
    'dwell without dwell_s',
    rules('  - «id: a\n    type: dwell\n    zone: road'),
    'CONFIG_MISSING_KEY',
    /dwell_s` is missing/,
  ],
  [
    'line crossing without line',
    rules('  - «id: a\n    type: line_crossing'),
    'CONFIG_MISSING_KEY',
    /line` is missing/,
  ],
  ['rule without type', rules('  - «id: a'), 'CONFIG_MISSING_KEY', /type` is missing .*zone_entry/],
  ['number as text', camera('sampling: { width_px: «"960" }'), 'CONFIG_INVALID_VALUE', /must be a number, found text/],
  ['text as number', top('data_dir: «12'), 'CONFIG_INVALID_VALUE', /must be text, found 12; put it in quotes/],
  [
    'number out of range',
    camera('sampling: { active_fps: «100 }'),
    'CONFIG_INVALID_VALUE',
    /must be at most 60, found 100/,
  ],
  ['not a whole number', camera('sampling: { width_px: «640.5 }'), 'CONFIG_INVALID_VALUE', /must be a whole number/],
  ['not a number at all', camera('sampling: { active_fps: «.nan }'), 'CONFIG_INVALID_VALUE', /must be a number/],
  ['wrong word', camera('transport: «tpc'), 'CONFIG_INVALID_VALUE', /one of tcp, udp/, 'tcp'],
  [
    'wrong kind of rule',
    rules('  - { id: a, type: «zone_enter }'),
    'CONFIG_INVALID_VALUE',
    /one of zone_entry/,
    'zone_entry',
  ],
  ['Kafka without brokers', top('bus: { type: «kafka }'), 'CONFIG_MISSING_KEY', /needs bus\.kafka/],
  ['brokers that are not used', top('bus: { «kafka: { brokers: [a:1] } }'), 'CONFIG_INVALID_VALUE', /type is local/],
  [
    'a broker without its port',
    top('bus: { type: kafka, kafka: { brokers: [«kafka-1] } }'),
    'CONFIG_INVALID_VALUE',
    /HOST:PORT/,
  ],
  [
    'a login without a password',
    top('bus: { type: kafka, kafka: { brokers: [a:1], sasl: { mechanism: «plain, username: u } } }'),
    'CONFIG_MISSING_KEY',
    /password_file/,
  ],
  [
    'a token from nowhere',
    top('bus: { type: kafka, kafka: { brokers: [a:1], sasl: { mechanism: «oauthbearer } } }'),
    'CONFIG_MISSING_KEY',
    /token_file and oauth/,
  ],
  [
    'a currency by its sign',
    top('prices: { currency: «€, cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.05 }'),
    'CONFIG_INVALID_VALUE',
    /no currency of ISO 4217/,
  ],
  [
    'a price that is forgotten',
    top('«prices: { currency: EUR, cpu_core_month: 20, memory_gib_month: 3 }'),
    'CONFIG_MISSING_KEY',
    /prices\.storage_gb_month` is missing/,
  ],
  [
    'a price below nothing',
    top('prices: { currency: EUR, cpu_core_month: «-1, memory_gib_month: 3, storage_gb_month: 0 }'),
    'CONFIG_INVALID_VALUE',
    /must be at least 0, found -1/,
  ],
  ['S3 without a bucket', top('evidence: { store: «s3 }'), 'CONFIG_MISSING_KEY', /needs evidence\.s3/],
  ['a bucket that is not used', top('evidence: { «s3: { bucket: abc } }'), 'CONFIG_INVALID_VALUE', /store is local/],
  [
    'a bad bucket name',
    top('evidence: { store: s3, s3: { bucket: «My_Bucket } }'),
    'CONFIG_INVALID_VALUE',
    /lower-case/,
  ],
  [
    'keys in the address of a store',
    top('evidence: { store: s3, s3: { bucket: abc, endpoint: «"http://key:secret@h:9000" } }'),
    'CONFIG_SECRET_IN_FILE',
    /URL/,
  ],
  [
    'a key of KMS that is not used',
    top('evidence: { store: s3, s3: { bucket: abc, kms_key_id: «k } }'),
    'CONFIG_INVALID_VALUE',
    /without sse: kms/,
  ],
  [
    'a prefix that is no folder',
    top('evidence: { store: s3, s3: { bucket: abc, prefix: «yard } }'),
    'CONFIG_INVALID_VALUE',
    /slash/,
  ],
  [
    'a spool that holds nothing',
    top('evidence: { spool: { max_bytes: «10kB } }'),
    'CONFIG_INVALID_VALUE',
    /at least 1MB/,
  ],
  ['empty section', top('alerts:«'), 'CONFIG_INVALID_VALUE', /is empty/],
  ['list for map', top('console: «[]'), 'CONFIG_INVALID_VALUE', /a map of keys, found a list/],
  ['map for list', top('rules: «{}'), 'CONFIG_INVALID_VALUE', /a list, found a map/],
  ['bad size', top('bus: { frames: { max_bytes: «50XB } }'), 'CONFIG_INVALID_VALUE', /a size such as/],
  ['bad camera name', 'site: y\ncameras:\n  «gate/1: { url: rtsp://h/x }\n', 'CONFIG_INVALID_VALUE', /letters, digits/],
  ['bad site name', top('').replace('yard', '«"a/b"'), 'CONFIG_INVALID_VALUE', /letters, digits/],
  ['no RTSP address', 'site: y\ncameras: { g: { url: «http://h/x } }\n', 'CONFIG_INVALID_VALUE', /rtsp:\/\//],
  [
    'reference in a URL',
    'site: y\ncameras: { g: { url: «"rtsp://${HOST}/x" } }\n',
    'CONFIG_INVALID_VALUE',
    /rtsp:\/\//,
  ],
  ['password in a URL', 'site: y\ncameras: { g: { url: «"rtsp://u:hunter2@h/x" } }\n', 'CONFIG_SECRET_IN_FILE', /URL/],
  [
    'odd password in a URL',
    'site: y\ncameras: { g: { url: «"rtsp://u:hun#ter2@h/x" } }\n',
    'CONFIG_SECRET_IN_FILE',
    /URL/,
  ],
  [
    'password as parameter',
    'site: y\ncameras: { g: { url: «"rtsp://h/x?password=hunter2" } }\n',
    'CONFIG_SECRET_IN_FILE',
    /URL/,
  ],
  ['password in the file', camera('username: u\npassword: «hunter2'), 'CONFIG_SECRET_IN_FILE', /written into/],
  ['password of digits', camera('username: u\npassword: «123456'), 'CONFIG_SECRET_IN_FILE', /written into/],
  [
    'password with a reference in it',
    camera('username: u\npassword: «"x${A}"'),
    'CONFIG_SECRET_IN_FILE',
    /written into/,
  ],
  [
    'secret of a webhook',
    top('alerts: { webhooks: [{ id: a, url: http://h/x, secret: «hunter2 }] }'),
    'CONFIG_SECRET_IN_FILE',
    /written into/,
  ],
  [
    'password twice',
    camera('username: u\npassword: ${P}\n«password_file: x'),
    'CONFIG_INVALID_VALUE',
    /beside password/,
  ],
  ['password without user', camera('«password: ${P}'), 'CONFIG_MISSING_KEY', /no username/],
  [
    'two cameras, one stream',
    'site: y\ncameras:\n  a: { url: rtsp://h/x }\n  b: { url: «rtsp://H:554/x/ }\n',
    'CONFIG_DUPLICATE_URL',
    /camera a \(line 3\)/,
  ],
  ['record_url is url', camera('record_url: «rtsp://10.0.0.11:554/live'), 'CONFIG_DUPLICATE_URL', /same stream as url/],
  ['key twice', camera('model: yolox-nano\n«model: nanodet-m'), 'CONFIG_DUPLICATE_KEY', /first is on line 9/],
  [
    'camera twice',
    'site: y\ncameras:\n  a: { url: rtsp://h/x }\n  «a: { url: rtsp://h/y }\n',
    'CONFIG_DUPLICATE_KEY',
    /line 3/,
  ],
  [
    'rule id twice',
    rules('  - { id: a, type: zone_entry }\n  - { id: «a, type: zone_entry }'),
    'CONFIG_DUPLICATE_KEY',
    /line 9: a/,
  ],
  [
    'camera twice in a rule',
    rules('  - { id: a, type: zone_entry, cameras: [gate, «gate] }'),
    'CONFIG_DUPLICATE_KEY',
    /gate again/,
  ],
  [
    'webhook id twice',
    top('alerts: { webhooks: [{ id: a, url: http://h/x }, { id: «a, url: http://h/y }] }'),
    'CONFIG_DUPLICATE_KEY',
    /line 3: a/,
  ],
  [
    'channel named as a webhook',
    top('alerts: { webhooks: [{ id: a, url: http://h/x }], channels: [{ id: «a, type: ntfy, topic: t }] }'),
    'CONFIG_DUPLICATE_KEY',
    /line 3: a/,
  ],
  ['wrong kind of channel', channel('type: «mail'), 'CONFIG_INVALID_VALUE', /one of webhook, email/, 'email'],
  [
    'key of another kind of channel',
    channel('type: ntfy, topic: t, «host: h'),
    'CONFIG_UNKNOWN_KEY',
    /type of channel/,
  ],
  [
    'chat address in the file',
    channel('type: slack, url: «https://hooks.example/T0/B0'),
    'CONFIG_SECRET_IN_FILE',
    /written/,
  ],
  ['bot token in the file', channel('type: telegram, chat: "1", token: «"12:ab"'), 'CONFIG_SECRET_IN_FILE', /written/],
  [
    'password without account',
    channel('type: mqtt, url: mqtt://h, topic: t, «password: "${P}"'),
    'CONFIG_MISSING_KEY',
    /no username/,
  ],
  ['topic for a reader', channel('type: mqtt, url: mqtt://h, topic: «"a/#"'), 'CONFIG_INVALID_VALUE', /without #/],
  [
    'unknown camera of a channel',
    channel('type: ntfy, topic: t, cameras: [«gat]'),
    'CONFIG_UNKNOWN_REFERENCE',
    /gat/,
    'gate',
  ],
  [
    'unknown zone of a channel',
    channel('type: ntfy, topic: t, zones: [«road]'),
    'CONFIG_UNKNOWN_REFERENCE',
    /a zone or line/,
  ],
  [
    'unknown quiet hours',
    channel('type: ntfy, topic: t, quiet_hours: «night'),
    'CONFIG_UNKNOWN_REFERENCE',
    /a schedule/,
  ],
  [
    'template that names nothing',
    channel('type: ntfy, topic: t, template: «"{{incident.kamera}}"'),
    'CONFIG_INVALID_VALUE',
    /incident\.kamera/,
  ],
  [
    'template with a file',
    channel('type: ntfy, topic: t, template: «"{{> secrets}}"'),
    'CONFIG_INVALID_VALUE',
    /names and sections/,
  ],
  [
    'template that does not end',
    channel('type: ntfy, topic: t, template: «"{{text"'),
    'CONFIG_INVALID_VALUE',
    /not closed/,
  ],
  [
    'picture that a broker cannot take',
    channel('type: mqtt, url: "mqtt://h:1883", topic: t, snapshot: «attached'),
    'CONFIG_INVALID_VALUE',
    /none, link/,
  ],
  [
    'heartbeat with a password',
    top('alerts: { heartbeat: { url: «http://u:p@h/x } }'),
    'CONFIG_SECRET_IN_FILE',
    /user or password/,
  ],
  ['zone of two corners', camera('ignore_masks: [«[[0, 0], [1, 1]]]'), 'CONFIG_BAD_POLYGON', /2 corners/],
  [
    'mask that crosses itself',
    camera('privacy_masks: [«[[0, 0], [1, 1], [1, 0], [0, 1]]]'),
    'CONFIG_BAD_POLYGON',
    /crosses itself/,
  ],
  ['mask without area', camera('ignore_masks: [«[[0, 0], [0.5, 0.5], [1, 1]]]'), 'CONFIG_BAD_POLYGON', /no area/],
  [
    'corner outside the picture',
    camera('ignore_masks: [[[0, 0], [«1.5, 0], [1, 1]]]'),
    'CONFIG_BAD_POLYGON',
    /outside the picture/,
  ],
  [
    'corner of three numbers',
    camera('ignore_masks: [[[0, 0], «[1, 0, 0], [1, 1]]]'),
    'CONFIG_INVALID_VALUE',
    /at most 2 entries, has 3/,
  ],
  [
    'line without length',
    camera('').replace('[[0.1, 0.5], [0.9, 0.5]]\n', '«[[0.1, 0.5], [0.1, 0.5]]\n'),
    'CONFIG_BAD_POLYGON',
    /too short/,
  ],
  ['region upside down', camera('regions: [«[0.5, 0.5, 0.2, 0.8]]'), 'CONFIG_BAD_POLYGON', /no area/],
  ['regions of a later version', camera('regions: «auto'), 'CONFIG_INVALID_VALUE', /must be full, or up to 8 boxes/],
  ['unknown zone', rules('  - { id: a, type: zone_entry, zone: «raod }'), 'CONFIG_UNKNOWN_REFERENCE', /raod/, 'road'],
  [
    'zone of another camera',
    rules('  - { id: a, type: zone_entry, zone: «road, cameras: [shed] }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /camera shed/,
  ],
  ['unknown line', rules('  - { id: a, type: line_crossing, line: «dor }'), 'CONFIG_UNKNOWN_REFERENCE', /dor/, 'door'],
  [
    'unknown camera',
    rules('  - { id: a, type: zone_entry, cameras: [«gaet] }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /gaet/,
    'gate',
  ],
  ['unknown schedule', rules('  - { id: a, type: zone_entry, schedule: «night }'), 'CONFIG_UNKNOWN_REFERENCE', /night/],
  [
    'unknown schedule of a filter',
    camera('filters: { "*": { during: [{ schedule: «night }] } }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /night/,
  ],
  [
    'unknown rule of a webhook',
    top('alerts: { webhooks: [{ id: a, url: http://h/x, rules: [«r] }] }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /a rule/,
  ],
  ['unknown model', camera('model: «yolox-nanno'), 'CONFIG_UNKNOWN_REFERENCE', /yolox-nanno/, 'yolox-nano'],
  ['unknown model in defaults', top('defaults: { model: «nope }'), 'CONFIG_UNKNOWN_REFERENCE', /nope/],
  [
    'unknown class',
    rules('  - { id: a, type: zone_entry, classes: [«persn] }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /persn/,
    'person',
  ],
  [
    'unknown class of a filter',
    camera('filters: { «persn: { score: 0.5 } }'),
    'CONFIG_UNKNOWN_REFERENCE',
    /persn/,
    'person',
  ],
  [
    'bad time',
    top('schedules: { n: { from: «"25:00", to: "06:00", timezone: UTC } }'),
    'CONFIG_INVALID_VALUE',
    /time of day/,
  ],
  [
    'time as number',
    top('schedules: { n: { from: «2000, to: "06:00", timezone: UTC } }'),
    'CONFIG_INVALID_VALUE',
    /time of day in quotes/,
  ],
  [
    'bad time zone',
    top('schedules: { n: { from: "20:00", to: "06:00", timezone: «Europe/Dublinn } }'),
    'CONFIG_INVALID_VALUE',
    /IANA/,
  ],
  [
    'offset as time zone',
    top('schedules: { n: { from: "20:00", to: "06:00", timezone: «"+01:00" } }'),
    'CONFIG_INVALID_VALUE',
    /IANA/,
  ],
  [
    'bad days',
    top('schedules: { n: { days: «mon-fry, from: "20:00", to: "06:00", timezone: UTC } }'),
    'CONFIG_INVALID_VALUE',
    /daily, a range/,
  ],
  ['console open to the world', top('console: { bind: «0.0.0.0:8080 }'), 'CONFIG_BIND_REFUSED', /beyond this machine/],
  ['media open to the world', top('media: { bind: «10.0.0.1:0 }'), 'CONFIG_BIND_REFUSED', /needs a fleet token/],
  [
    'media advertised with a login',
    top('media: { advertise: «"http://me:secret@10.0.0.1" }'),
    'CONFIG_SECRET_IN_FILE',
    /holds a user or password/,
  ],
  ['media advertised by no URL', top('media: { advertise: «10.0.0.1:9465 }'), 'CONFIG_INVALID_VALUE', /http:\/\//],
  ['metrics open to the world', top('metrics: { bind: «0.0.0.0:9464 }'), 'CONFIG_BIND_REFUSED', /needs a fleet token/],
  [
    'metrics open to the world, and said not to be open',
    top('metrics: { bind: «"[::]:9464", open: false }'),
    'CONFIG_BIND_REFUSED',
    /beyond this machine/,
  ],
  ['accounts nowhere', top('console: { accounts: «{} }'), 'CONFIG_INVALID_VALUE', /nowhere where accounts are/],
  [
    'accounts in two places',
    top('console: { accounts: «{ file: t.yaml, tokens: "${T}" } }'),
    'CONFIG_INVALID_VALUE',
    /two places where accounts are/,
  ],
  [
    'hashes in the site file',
    top('console: { accounts: { tokens: «"hunter2" } }'),
    'CONFIG_SECRET_IN_FILE',
    /secret written into/,
  ],
  ['fleet token in the site file', top('fleet: { token: «hunter2 }'), 'CONFIG_SECRET_IN_FILE', /secret written into/],
  ['fleet token as a number', top('fleet: { token: «123456 }'), 'CONFIG_SECRET_IN_FILE', /secret written into/],
  ['fleet token twice', top('fleet: { token: "${T}", «token_file: t }'), 'CONFIG_INVALID_VALUE', /one of the two/],
  ['certificate without key', top('console: { «tls: { cert_file: c.pem } }'), 'CONFIG_MISSING_KEY', /key_file/],
  [
    'no range of addresses',
    top('console: { trusted_proxies: [«10.0.0.0/33] }'),
    'CONFIG_INVALID_VALUE',
    /address or a range/,
  ],
  ['no address', top('console: { bind: «"8080" }'), 'CONFIG_INVALID_VALUE', /HOST:PORT/],
  ['one port for two', top('console: { bind: «localhost:9464 }'), 'CONFIG_INVALID_VALUE', /address of metrics/],
  ['idle faster than active', camera('sampling: { idle_fps: «6 }'), 'CONFIG_INVALID_VALUE', /above active_fps 5/],
  ['active slower than idle', camera('sampling: { active_fps: «0.4 }'), 'CONFIG_INVALID_VALUE', /below idle_fps 0.5/],
  ['gate closes above opening', camera('motion: { close_share: «0.5 }'), 'CONFIG_INVALID_VALUE', /above open_share/],
  ['low score above score', camera('filters: { person: { low: «0.7 } }'), 'CONFIG_INVALID_VALUE', /above score 0.4/],
  [
    'areas the wrong way round',
    camera('filters: { person: { min_area: «0.5, max_area: 0.2 } }'),
    'CONFIG_INVALID_VALUE',
    /above max_area/,
  ],
  ['alias to nothing', camera('model: «*model'), 'CONFIG_SYNTAX', /alias/],
  [
    'alias to itself',
    camera('').replace('road:', 'road: &a\n        - «*a\n      other:'),
    'CONFIG_SYNTAX',
    /contains itself/,
  ],
  ['unknown tag', camera('model: «!secret yolox-nano'), 'CONFIG_SYNTAX', /tag/],
  ['second document', top('«---\nsite: other'), 'CONFIG_SYNTAX', /second document/],
  ['not a map at all', '«just words\n', 'CONFIG_INVALID_VALUE', /a map of keys/],
];

describe('one mistake', () => {
  it.each(CASES)('%s', (_what, marked, code, says, suggestion) => {
    const { problems, line, column } = load(marked);
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(problem).toMatchObject({ code, line, column });
    expect(problem?.message).toMatch(says);
    expect(problem?.suggestion).toBe(suggestion);
    expect(problem?.mend).toBeTruthy();
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|123456/);
  });
});

describe('many mistakes', () => {
  it('are all told, in order of place', () => {
    const { problems } = load(`sit: yard
cameras:
  gate:
    url: rtsp://u:p@h/x
    samplin: {}
    zones: { road: [[0, 0], [1, 1], [1, 0], [0, 1]], far: [[0, 0], [2, 0], [1, 1]] }
  gate: {}
rules:
  - { id: a, type: zone_entry, zone: nope, min_duration_s: -1 }
  - { id: a, type: dwell, severity: hihg }
console: { bind: 0.0.0.0:80 }
`);
    const told = problems.map(({ line, code }) => `${line} ${code}`);
    expect(told).toEqual([
      '1 CONFIG_MISSING_KEY',
      '1 CONFIG_UNKNOWN_KEY',
      '4 CONFIG_SECRET_IN_FILE',
      '5 CONFIG_UNKNOWN_KEY',
      '6 CONFIG_BAD_POLYGON',
      '6 CONFIG_BAD_POLYGON',
      '7 CONFIG_DUPLICATE_KEY',
      '9 CONFIG_UNKNOWN_REFERENCE',
      '9 CONFIG_INVALID_VALUE',
      '10 CONFIG_MISSING_KEY',
      '10 CONFIG_DUPLICATE_KEY',
      '10 CONFIG_INVALID_VALUE',
      '11 CONFIG_BIND_REFUSED',
    ]);
  });

  it('of syntax come together, with what is wrong above them', () => {
    const { problems } = load(`site: yard
detect: { worker: 2 }
schedules:
  a: "unknown \\q escape"
  b: { from: @x }
\tindented: by a tab
`);
    const told = problems.map(({ line, code }) => `${line} ${code}`);
    expect(told).toContain('2 CONFIG_UNKNOWN_KEY');
    expect(told).toContain('4 CONFIG_SYNTAX');
    expect(told).toContain('5 CONFIG_SYNTAX');
    expect(told).toContain('6 CONFIG_SYNTAX');
    expect(told).not.toContain('1 CONFIG_MISSING_KEY');
  });

  it('say that a reference in braces needs quotes', () => {
    const { problems } = load('site: y\ncameras:\n  g: { url: rtsp://h/x, username: u, password: ${P} }\n');
    expect(problems.map(({ code }) => code)).toContain('CONFIG_SYNTAX');
    expect(problems.find(({ code }) => code === 'CONFIG_SYNTAX')).toMatchObject({
      line: 3,
      mend: expect.stringMatching(/quotes/),
    });
  });
});

describe('warnings', () => {
  const warned = (text: string): string[] => {
    const result = loadSiteText(text, '/site.yaml');
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    return result.warnings.map(({ code, path, line }) => `${line} ${code} ${path}`);
  };

  it('a rule promises more than its camera keeps', () => {
    const text = rules(
      '  - { id: a, type: zone_entry }\n  - { id: b, type: zone_entry, zone: road, detect_within_s: 1 }\n  - { id: c, type: line_crossing, line: door }',
    );
    expect(warned(text)).toEqual(['10 CONFIG_PROMISE_AT_RISK rules[1].detect_within_s']);
  });

  it('a presence shorter than the time between looks', () => {
    const text = rules('  - { id: a, type: zone_entry, min_duration_s: 0.1 }').replace(
      '    zones',
      '    sampling: { active_fps: 12 }\n    zones',
    );
    expect(warned(text)).toContain('10 CONFIG_PROMISE_AT_RISK rules[0].min_duration_s');
  });

  it('a camera, zone or line that no rule watches, and a rule without a camera', () => {
    const text = rules('  - { id: a, type: zone_entry, cameras: [shed] }').replace(
      '12/live',
      '12/live, enabled: false',
    );
    expect(warned(text)).toEqual([
      '3 CONFIG_UNUSED cameras.gate',
      '5 CONFIG_UNUSED cameras.gate.zones.road',
      '6 CONFIG_UNUSED cameras.gate.lines.door',
      '9 CONFIG_UNUSED rules[0]',
    ]);
  });

  it('nothing of a camera that is switched off', () => {
    const text = rules(
      '  - { id: a, type: zone_entry, zone: road }\n  - { id: b, type: line_crossing, line: door }',
    ).replace('12/live', '12/live, enabled: false');
    expect(warned(text)).toEqual([]);
  });
});
