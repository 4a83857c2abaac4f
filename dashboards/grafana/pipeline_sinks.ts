/** Of the board Pipeline: whether what was decided is kept and told. */
import type { Board } from './frame.ts';
import { FINE_AT_ZERO, series, stat, WARN_ABOVE } from './panels.ts';
import { countOrZero, happened, of, rate } from './queries.ts';

export const SINKS: Board['rows'][number] = {
  title: 'Evidence, stores, messages',
  panels: [
    stat({
      title: 'Stores away',
      description:
        'Is a store away? Evidence then waits on disk, live state waits on the bus; nothing is lost until they are full. Above 0: the errors beside say which and why.',
      unit: 'short',
      width: 4,
      height: 8,
      steps: FINE_AT_ZERO,
      expr: countOrZero(`min by (site, store) (${of('store_available')}) == 0`, of('build_info', 'role="sink"')),
    }),
    series({
      title: 'Spool of evidence',
      description:
        'How full is the disk space for evidence whose store is away? At 100 % the oldest goes (evidence.spool.max_bytes). Growing: bring the store back. Nothing drawn: evidence goes to a local folder.',
      unit: 'percentunit',
      width: 10,
      max: 1,
      steps: WARN_ABOVE(0.5),
      limits: true,
      queries: [
        {
          expr: `sum by (site) (${of('evidence_spool_bytes')}) / sum by (site) (${of('evidence_spool_max_bytes')})`,
          legend: '{{site}} full',
        },
      ],
    }),
    series({
      title: 'Errors of stores',
      description:
        'Which store fails, why? In the hour before each point, by store and code; runtime/errors.md says how to mend each.',
      unit: 'short',
      width: 10,
      decimals: 0,
      queries: [
        {
          expr: `sum by (store, reason) (${happened(of('store_errors_total'), '1h')})`,
          legend: '{{store}} {{reason}}',
        },
      ],
    }),
    series({
      title: 'Evidence that could not be had',
      description:
        'Of which incidents will a picture be missing? In the hour before each point, by kind and reason. Mostly: the frame had gone from the bus before; see Lag of evidence.',
      unit: 'short',
      width: 8,
      decimals: 0,
      queries: [
        {
          expr: `sum by (kind, reason) (${happened(of('evidence_missing_total'), '1h')})`,
          legend: '{{kind}} {{reason}}',
        },
      ],
    }),
    series({
      title: 'Messages',
      description:
        'Do messages arrive? In the hour before each point, delivered by channel, and failed attempts with their reason. Failing: the address or the receiver; each is tried for 24 hours.',
      unit: 'short',
      width: 8,
      decimals: 0,
      queries: [
        { expr: `sum by (channel) (${happened(of('alerts_sent_total'), '1h')})`, legend: 'sent: {{channel}}' },
        {
          expr: `sum by (channel, reason) (${happened(of('alerts_failed_total'), '1h')})`,
          legend: 'failed: {{channel}} {{reason}}',
        },
      ],
    }),
    series({
      title: 'Console',
      description:
        'Do people get answers? Requests per second by status. 5xx: a store is away. Many 401 or 429: somebody guesses tokens; the audit lines in the log say from where.',
      unit: 'reqps',
      width: 8,
      queries: [{ expr: `sum by (status) (${rate(of('http_requests_total'))})`, legend: '{{status}}' }],
    }),
  ],
};
