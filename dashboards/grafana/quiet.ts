/**
 * What may be empty on a healthy site on which nothing happens, and why; a test holds it against a running
 * site. Everything else has data as soon as Prometheus has scraped twice.
 */
export const EMPTY_WHILE_QUIET = {
  'no incident was opened': [
    'safety / Incidents opened',
    'safety / Where, in the time shown / A',
    'safety / By rule and place: the last 7 days against the 7 before (table) / A',
    'camera / Incidents opened',
  ],
  'nobody was nearly an incident': ['safety / By rule and place: the last 7 days against the 7 before (table) / C'],
  'no incident was decided by a picture': [
    'pipeline / On time / A',
    'pipeline / Half within / A',
    'pipeline / 95 of 100 within / A',
    'pipeline / 99 of 100 within / A',
    'pipeline / Error budget burn / A',
    'pipeline / Error budget burn / B',
  ],
  'no incident is open': [
    'safety / Open incidents (table) / A',
    'safety / Open incidents (table) / B',
    'safety / Incidents open',
    'camera / Open incidents (table) / A',
    'camera / Open incidents (table) / B',
    'camera / Incidents open',
  ],
  'nobody judged an incident': [
    'safety / Acknowledged within, median of 7 days / A',
    'safety / Time to acknowledge / A',
    'safety / Time to acknowledge / B',
  ],
  'nothing is muted': ['safety / Active mutes (table) / A', 'safety / Active mutes (table) / B'],
  'every camera is watched': [
    'safety / Cameras that nobody watches (table) / A',
    'safety / Cameras that nobody watches (table) / B',
    'fleet / Cameras, worst first (table) / B',
  ],
  'no evidence was written, no message sent, nobody asked the console': [
    'pipeline / Queues / B',
    'pipeline / Queues / C',
    'pipeline / Messages / A',
    'pipeline / Console / A',
  ],
  'the site file has no prices': [
    'pipeline / Cost per camera, in the time shown (table) / F',
    'pipeline / Money a month / A',
    'pipeline / Prices (table) / A',
  ],
  'every frame was looked at': ['pipeline / Frames shed, by reason / A'],
  'there was no week before': [
    'safety / Incidents an hour, by rule / B',
    'safety / Near misses an hour, by rule / B',
    'safety / Near misses in 24 hours / B',
    'safety / By rule and place: the last 7 days against the 7 before (table) / B',
    'safety / By rule and place: the last 7 days against the 7 before (table) / D',
  ],
  'nothing failed': [
    'fleet / Sessions that ended, by reason / A',
    'fleet / Reconnections in the time shown / A',
    'fleet / Restarts of camera processes / A',
    'fleet / Damaged pictures, worst first / A',
    'fleet / Errors of decoding, worst first / A',
    'pipeline / Dead letters, by topic and reason / A',
    'pipeline / Restarts / A',
    'pipeline / Restarts / B',
    'pipeline / Errors of stores / A',
    'pipeline / Evidence that could not be had / A',
    'pipeline / Messages / B',
    'camera / Sessions that ended, by reason / A',
    'camera / Sessions that ended, by reason / B',
  ],
  'a site needs neither TLS of its own nor a store of evidence elsewhere': [
    'pipeline / First certificate ends in / A',
    'pipeline / Spool of evidence / A',
  ],
} as const satisfies Record<string, readonly string[]>;

export type Why = keyof typeof EMPTY_WHILE_QUIET;
