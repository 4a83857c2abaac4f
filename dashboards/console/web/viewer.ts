/** An incident's picture, large, with what is kept of it. */
import type { Incident } from '../../../runtime/messages/types.ts';
import { find, make } from './dom.ts';

export function pictureOf(incident: Incident): string | null {
  const kinds = incident.evidence.map((item) => item.kind);
  const kind = kinds.includes('annotated') ? 'annotated' : kinds.includes('snapshot') ? 'snapshot' : null;
  if (kind === null) return null;
  // The key changes when the picture of the peak improves: the browser then fetches it again.
  const item = incident.evidence.findLast((one) => one.kind === kind);
  return `/api/v1/incidents/${encodeURIComponent(incident.id)}/evidence/${kind}?v=${item?.sha256.slice(0, 12) ?? ''}`;
}

export function view(incident: Incident): void {
  find('viewer-title', HTMLElement).textContent = `${incident.rule} at ${incident.camera}`;
  const picture = find('viewer-picture', HTMLImageElement);
  const url = pictureOf(incident);
  picture.hidden = url === null;
  if (url !== null) picture.src = url;
  const facts: [string, string][] = [
    ['Opened', new Date(incident.openedAt).toLocaleString()],
    [
      'Closed',
      incident.closedAt === null
        ? 'not yet'
        : `${new Date(incident.closedAt).toLocaleString()} (${incident.closeReason ?? ''})`,
    ],
    ['Most people', String(incident.peopleMax)],
    ['Model', incident.model?.id ?? 'none'],
    ['Id', incident.id],
  ];
  find('viewer-facts', HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]),
  );
  const kinds = [...new Set(incident.evidence.map((item) => item.kind))];
  find('viewer-files', HTMLElement).replaceChildren(
    ...kinds.map((kind) => {
      const link = document.createElement('a');
      link.href = `/api/v1/incidents/${encodeURIComponent(incident.id)}/evidence/${kind}`;
      link.target = '_blank';
      link.textContent = {
        snapshot: 'Picture',
        annotated: 'Picture with boxes',
        clip: 'Clip',
        record: 'Record (JSON)',
      }[kind];
      return link;
    }),
  );
  find('viewer', HTMLDialogElement).showModal();
}
