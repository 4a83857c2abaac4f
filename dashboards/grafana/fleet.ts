/** For the engineer: which cameras do not do what they should, and why. */
import { BAD, GOOD, OKABE_ITO, WARN } from './colors.ts';
import { type Board, CAMERA_LINKS, cameras, site } from './frame.ts';
import { bars, FINE_AT_ZERO, series, stat, table, WARN_ABOVE, type Words } from './panels.ts';
import { CAMERA, countOrZero, happened, of, perCamera, rate, stateRank } from './queries.ts';
import { UNWATCHED_FOR } from './safety.ts';

/** What STATE_RANKS mean to people. */
export const STATE_WORDS: Words = {
  7: ['quarantined', BAD],
  6: ['backoff', BAD],
  5: ['stalled', BAD],
  4: ['blind', OKABE_ITO.purple],
  3: ['starved', OKABE_ITO.purple],
  2: ['connecting', WARN],
  1: ['stopped', OKABE_ITO.grey],
  0: ['works', GOOD],
};

const STATE_COLORS = {
  idle: OKABE_ITO.green,
  active: OKABE_ITO.blue,
  connecting: OKABE_ITO.yellow,
  backoff: OKABE_ITO.orange,
  quarantined: OKABE_ITO.vermillion,
  stalled: OKABE_ITO.purple,
  blind: OKABE_ITO.sky,
  starved: OKABE_ITO.grey,
};

/** Only the worst are drawn: a fleet of a thousand is no picture. */
const WORST = 20;
const worst = (expression: string): string => `topk(${WORST}, ${expression})`;
const added = (series: string): string => `sum by (site, camera) (${rate(series)})`;

export const fleet: Board = {
  name: 'fleet',
  title: 'Fleet',
  description: 'Cameras by state and reason, worst first, and the agents that run them',
  from: 'now-6h',
  refresh: '30s',
  variables: [site(), cameras()],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({
          title: 'Cameras expected',
          description:
            'How many cameras does the configuration name? Fewer than you installed: the site file lacks some.',
          unit: 'short',
          width: 4,
          expr: `sum(max by (site) (${of('cameras_expected')}))`,
        }),
        stat({
          title: 'Give pictures',
          description:
            'How many of the chosen cameras work, calm or with motion? Fewer than expected: the table below, worst first.',
          unit: 'short',
          width: 4,
          steps: [
            [null, BAD],
            [1, GOOD],
          ],
          expr: countOrZero(`${stateRank()} == 0`, of('camera_state', CAMERA)),
        }),
        stat({
          title: 'Not watched',
          description:
            'Of how many cameras is nobody judging the pictures in time, whatever their own state? Above 0 while cameras work: the fault is behind them, see board Pipeline.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: countOrZero(`${perCamera(of('camera_watched', CAMERA))} == 0`, of('camera_watched', CAMERA)),
        }),
        stat({
          title: 'Unowned',
          description:
            'How many cameras does no living agent have? Above 0 for more than some seconds: start an agent; banksman cameras list names the cameras.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: `max(${of('cameras_unowned')})`,
        }),
        stat({
          title: 'Owned twice',
          description:
            'How many cameras do two agents run? Above 0: an agent was cut off and came back, or clocks differ; only the newest owner counts. End the other one.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: `max(${of('cameras_owned_twice')})`,
        }),
        stat({
          title: 'Agents that coordinate',
          description:
            'Does somebody give cameras to agents? 1 is right. 0: nobody moves cameras when an agent dies; look at the agents and the bus.',
          unit: 'short',
          width: 4,
          steps: [
            [null, BAD],
            [1, GOOD],
            [2, WARN],
          ],
          expr: `max(${of('agents_leading')})`,
        }),
        table({
          title: 'Cameras, worst first',
          description:
            'Which cameras do not do what they should, and why? By state, then by how long nobody has watched them; the worst 200. The reason is a code of runtime/errors.md, which says how to mend it.',
          unit: 'none',
          width: 24,
          height: 11,
          labels: ['site', 'camera', 'reason'],
          columns: [
            {
              name: 'state',
              unit: 'none',
              expr: `topk(200, ${stateRank('reason')})`,
              words: STATE_WORDS,
            },
            UNWATCHED_FOR,
          ],
          sortBy: 'state',
          links: CAMERA_LINKS,
          empty: 'No word of any camera.',
        }),
      ],
    },
    {
      title: 'Connections',
      panels: [
        series({
          title: 'Cameras by state',
          description:
            'Since when are how many in which state? Many that leave at once: a switch, a power supply or an agent. One after another: passwords, or cameras that age.',
          unit: 'short',
          width: 12,
          look: 'stacked areas',
          decimals: 0,
          queries: [
            { expr: `sum by (state) (${perCamera(of('camera_state', CAMERA), 'state')})`, legend: '{{state}}' },
          ],
          colors: STATE_COLORS,
        }),
        series({
          title: 'Sessions that ended, by reason',
          description:
            'Why do connections break? In the hour before each point, by reason code; runtime/errors.md says what each means and how to mend it.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            {
              expr: `sum by (reason) (${happened(of('camera_reconnects_total', CAMERA), '1h')})`,
              legend: '{{reason}}',
            },
          ],
        }),
        bars({
          title: 'Reconnections in the time shown',
          description:
            'Which cameras come and go most? A few with many: their cable, power or radio. All alike: the network between.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            {
              expr: worst(`sum by (site, camera) (${happened(of('camera_reconnects_total', CAMERA))}) > 0`),
              legend: '{{site}} {{camera}}',
            },
          ],
        }),
        series({
          title: 'Restarts of camera processes',
          description:
            'Does reading a camera crash its process? In the hour before each point, by camera. More and more: keep the log of its agent, and update; the camera sends something that is not handled.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            {
              expr: worst(`sum by (site, camera) (${happened(of('camera_restarts_total', CAMERA), '1h')}) > 0`),
              legend: '{{site}} {{camera}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Pictures',
      panels: [
        series({
          title: 'Age of what was judged last, worst first',
          description:
            'How old is the newest picture that the rules have judged? The 20 oldest. Some cameras: theirs is the fault. All alike: detection is behind, see board Pipeline.',
          unit: 's',
          width: 12,
          steps: WARN_ABOVE(5),
          queries: [
            {
              expr: worst(`time() - ${perCamera(of('camera_watched_timestamp_seconds', CAMERA))}`),
              legend: '{{site}} {{camera}}',
            },
          ],
        }),
        series({
          title: 'Motion gate open, worst first',
          description:
            'Which cameras see movement most of the time, and so cost most? The share of time in which their gate was open, the 20 highest. Near 100 % with nobody there: leaves or water; mask them.',
          unit: 'percentunit',
          width: 12,
          max: 1,
          queries: [{ expr: worst(added(of('gate_open_seconds_total', CAMERA))), legend: '{{site}} {{camera}}' }],
        }),
        series({
          title: 'Damaged pictures, worst first',
          description:
            'Which cameras lose packets on the way? The share of pictures that came after a loss. Above 1 %: use TCP, or mend the network there.',
          unit: 'percentunit',
          width: 12,
          steps: WARN_ABOVE(0.01),
          limits: true,
          queries: [
            {
              expr: worst(
                `${added(of('access_units_damaged_total', CAMERA))} / ${added(of('access_units_total', CAMERA))}`,
              ),
              legend: '{{site}} {{camera}}',
            },
          ],
        }),
        series({
          title: 'Errors of decoding, worst first',
          description:
            'Which cameras send what the decoder does not take? Pictures per second that did not come out, or came out with errors. Lasting: probe the camera, and set another codec or profile in it.',
          unit: 'cps',
          width: 12,
          queries: [{ expr: worst(added(of('decode_errors_total', CAMERA))), legend: '{{site}} {{camera}}' }],
        }),
      ],
    },
    {
      title: 'Agents',
      panels: [
        series({
          title: 'Cameras by agent',
          description:
            'Is the work spread? Cameras that each agent runs. One that falls to 0: it died or drains, and the others must have taken its cameras.',
          unit: 'short',
          width: 8,
          decimals: 0,
          look: 'stacked areas',
          queries: [{ expr: `max by (site, agent) (${of('agent_cameras')})`, legend: '{{agent}}' }],
        }),
        series({
          title: 'Cameras given to an agent, by reason',
          description:
            'Do cameras wander? Per second. Now and then is balance; on and on: an agent comes and goes, see its log.',
          unit: 'cps',
          width: 8,
          queries: [{ expr: `sum by (reason) (${rate(of('camera_moves_total'))})`, legend: '{{reason}}' }],
        }),
        series({
          title: 'Clocks of agents',
          description:
            'Do times agree? The clock of each agent against that of whoever says so. Beyond 2 s either way: set it by NTP; incidents of its cameras carry the wrong time until then.',
          unit: 's',
          width: 8,
          steps: WARN_ABOVE(2),
          limits: true,
          queries: [{ expr: `max by (site, agent) (abs(${of('agent_clock_offset_seconds')}))`, legend: '{{agent}}' }],
        }),
      ],
    },
  ],
};
