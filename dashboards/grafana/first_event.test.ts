/** What happens once is shown: most counters appear with their first event, which `increase()` and `rate()` do not see. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { promtool } from '../prometheus/promtool.ts';
import { ALL, allQueries, fill } from './testing.ts';

/** As a scrape each minute brings it: nothing for ten minutes, then one event, and no other. */
const ONCE = '_x10 1x20';
const RARE = {
  'banksman_dead_letters_total{topic="incidents.v1",reason="ALERT_REFUSED"}': ONCE,
  'banksman_bus_records_expired_unread_total{group="state",topic="tracks.v1"}': ONCE,
  'banksman_role_restarts_total{role="sink"}': ONCE,
  'banksman_detector_restarts_total{reason="hung"}': ONCE,
  'banksman_camera_restarts_total{camera="gate"}': ONCE,
  'banksman_camera_reconnects_total{camera="gate",reason="RTSP_ENDED"}': ONCE,
  'banksman_evidence_missing_total{kind="clip",reason="EVIDENCE_FRAME_GONE"}': ONCE,
  'banksman_store_errors_total{store="state",reason="REDIS_UNREACHABLE"}': ONCE,
  'banksman_alerts_sent_total{channel="ops"}': ONCE,
  'banksman_alerts_failed_total{channel="ops",reason="ALERT_FAILED"}': ONCE,
  'banksman_time_to_acknowledge_seconds_bucket{severity="high",le="30"}': '_x10 0x20',
  'banksman_time_to_acknowledge_seconds_bucket{severity="high",le="60"}': ONCE,
  'banksman_time_to_acknowledge_seconds_bucket{severity="high",le="+Inf"}': ONCE,
};
const OTHERS = {
  'banksman_build_info{role="sink",version="1"}': '1x30',
  'banksman_access_units_total{camera="gate"}': '0+100x30',
  'banksman_access_units_damaged_total{camera="gate"}': '0+50x30',
  // Said to be 0 from the camera's first record on.
  'banksman_near_misses_total{camera="gate",rule="at-the-pit",zone="pit",severity="high"}': '0x10 1x20',
  'banksman_certificate_end_timestamp_seconds{certificate="console"}': '5400x30',
  'banksman_evidence_spool_bytes{}': '40x30',
  'banksman_evidence_spool_max_bytes{}': '80x30',
};

/** What is shown in the last of these minutes, by query. */
const SHOWN: Readonly<Record<string, { labels: string; value: number }>> = {
  'pipeline / Dead letters / A': { labels: '{}', value: 1 },
  'pipeline / Dead letters, by topic and reason / A': {
    labels: '{topic="incidents.v1",reason="ALERT_REFUSED"}',
    value: 1,
  },
  'pipeline / Read by nobody / A': { labels: '{}', value: 1 },
  'pipeline / Restarts / A': { labels: '{role="sink"}', value: 1 },
  'pipeline / Restarts / B': { labels: '{reason="hung"}', value: 1 },
  'pipeline / Evidence that could not be had / A': {
    labels: '{kind="clip",reason="EVIDENCE_FRAME_GONE"}',
    value: 1,
  },
  'pipeline / Errors of stores / A': { labels: '{store="state",reason="REDIS_UNREACHABLE"}', value: 1 },
  'pipeline / Messages / A': { labels: '{channel="ops"}', value: 1 },
  'pipeline / Messages / B': { labels: '{channel="ops",reason="ALERT_FAILED"}', value: 1 },
  'fleet / Sessions that ended, by reason / A': { labels: '{reason="RTSP_ENDED"}', value: 1 },
  'fleet / Reconnections in the time shown / A': { labels: '{camera="gate"}', value: 1 },
  'fleet / Restarts of camera processes / A': { labels: '{camera="gate"}', value: 1 },
  'camera / Sessions that ended, by reason / A': { labels: '{reason="RTSP_ENDED"}', value: 1 },
  'camera / Sessions that ended, by reason / B': { labels: '{}', value: 1 },
  // Not rare, but not to be had on a running site of a test.
  'fleet / Damaged pictures, worst first / A': { labels: '{camera="gate"}', value: 0.5 },
  'safety / Near misses an hour, by rule / A': { labels: '{rule="at-the-pit"}', value: 1 },
  'safety / Near misses in 24 hours / A': { labels: '{}', value: 1 },
  'safety / By rule and place: the last 7 days against the 7 before (table) / C': {
    labels: '{camera="gate",rule="at-the-pit",zone="pit",severity="high"}',
    value: 1,
  },
  'pipeline / First certificate ends in / A': { labels: '{}', value: 3_600 },
  'pipeline / Spool of evidence / A': { labels: '{}', value: 0.5 },
  'safety / Acknowledged within, median of 7 days / A': { labels: '{}', value: 45 },
  'safety / Time to acknowledge / A': { labels: '{}', value: 45 },
  'safety / Time to acknowledge / B': { labels: '{}', value: 57 },
};

it('every panel of what is rare shows the first time', async () => {
  const queries = allQueries();
  const tests = Object.entries(SHOWN).map(([key, shown]) => {
    const query = queries.find((one) => one.key === key);
    if (!query) throw new Error(`there is no query ${key}`);
    return {
      name: key,
      interval: '1m',
      input_series: Object.entries({ ...RARE, ...OTHERS }).map(([series, values]) => ({ series, values })),
      promql_expr_test: [{ expr: fill(query.expr, ALL), eval_time: '30m', exp_samples: [shown] }],
    };
  });
  const folder = await mkdtemp(join(tmpdir(), 'banksman-first-'));
  try {
    const path = join(folder, 'first.yaml');
    await writeFile(path, stringify({ evaluation_interval: '1m', tests }));
    expect(await promtool(['test', 'rules', path])).not.toContain('FAILED');
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('no other panel counts single events in a way that misses the first', () => {
  const rare = new Set(Object.keys(RARE).map((series) => /^banksman_(\w+?)(?:_bucket)?\{/.exec(series)?.[1] ?? ''));
  const missed = allQueries().filter(
    ({ key, expr }) =>
      !(key in SHOWN) && [...rare].some((name) => new RegExp(`${name}(_bucket)?\\{[^}]*\\}\\[`).test(expr)),
  );
  expect(missed.map(({ key }) => key)).toEqual([]);
});
