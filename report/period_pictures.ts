/** The pictures of a period with what is said of them. Pure. */
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import { lastedMs } from './figures.ts';
import { busiestPart, type HeatMap } from './heat.ts';
import { type Html, html, NOTHING } from './html.ts';
import { figure, section, severityMark } from './parts.ts';
import type { Calendar } from './period.ts';
import type { Picture } from './pictures.ts';
import { count, duration, ending, many, placeOf } from './words.ts';

/** Said where a picture should be. */
export const NO_PICTURE = 'No picture is stored: its time to be kept is over, or it never could be had.';

export interface HeatFigure {
  map: HeatMap;
  picture: Picture | undefined;
  /** It is drawn over a picture of the camera. */
  hasBackdrop: boolean;
}

export function heatFigures(figures: readonly HeatFigure[], hottest: number): Html {
  if (figures.length === 0) return NOTHING;
  return section(
    'heat',
    'Where in the picture',
    html`<p class="soft intro">Where people stood when incidents were at their peak: from 1 incident <span class="ramp" role="img" aria-label="from dark violet over orange to pale yellow"></span> to ${count(Math.max(1, Math.round(hottest)))} about the same place. Over a picture of the camera in grey.</p>`,
    html`<div class="three">${figures.map(({ map, picture, hasBackdrop }) => {
      const busiest = busiestPart(map);
      const most = busiest ? `most (${count(busiest.incidents)}) in the ${busiest.part} of the picture` : '';
      return figure(
        picture,
        `Heat map of camera ${map.camera}: ${many(map.incidents, 'incident')}, ${most}`,
        'The map could not be drawn.',
        html`<h3>${map.camera}</h3><p class="soft">${many(map.incidents, 'incident')}, ${most}${!hasBackdrop && '; no picture of this camera is stored'}</p>`,
      );
    })}</div>`,
  );
}

export function gravestIncidents(
  gravest: readonly { incident: StoredIncident; picture: Picture | undefined }[],
  calendar: Calendar,
  leftOut: boolean,
): Html {
  if (gravest.length === 0) return NOTHING;
  return section(
    'gravest',
    'The gravest incidents',
    html`<div class="three">${gravest.map(({ incident, picture }) => {
      const { rule, camera, peopleMax, severity, openedAt, id } = incident;
      const opened = Date.parse(openedAt);
      const place = `${camera}, ${placeOf(incident)}, ${many(peopleMax, 'person', 'people')}`;
      return figure(
        picture,
        `${rule} on camera ${camera}, ${calendar.inWords(opened)}, with boxes around people`,
        leftOut ? 'Pictures were left out.' : NO_PICTURE,
        html`<h3>${severityMark(severity)} ${rule}</h3><p>${place}</p>
<p class="soft">${calendar.dayInWords(calendar.day(opened))}, ${calendar.clockWithSeconds(opened)}, lasted ${duration(lastedMs(incident))}, ${ending(incident)}</p>
<p class="soft">${answer(incident)} · <code>${id.slice(0, 12)}</code></p>`,
      );
    })}</div>`,
  );
}

function answer({ acknowledged }: StoredIncident): string {
  if (!acknowledged) return 'not answered';
  const { by, note } = acknowledged;
  return `acknowledged by ${by}${note === null ? '' : `: ${note}`}`;
}
