/** What evidence takes, now and in the long run, and what that costs. Pure. */
import { EVIDENCE_KINDS, type Kept, type StorageSums, type StorageTerms } from './cost.ts';
import type { Figures } from './figures.ts';
import { type Content, type Html, html } from './html.ts';
import { table } from './parts.ts';
import { bytes, duration, many, money } from './words.ts';

const KINDS = { snapshot: 'pictures', annotated: 'pictures with boxes', clip: 'clips', record: 'records' } as const;

export function costs({ incidents, storage, kind }: Figures): Html {
  const { ofPeriod, ofIncident, inTheLongRun, prices } = storage;
  const span = kind === 'weekly' ? 'week' : 'month';
  const row = (name: string, kept: Kept | null): Content[] => [
    name,
    kept ? bytes(kept.bytes) : '–',
    ...(prices ? [kept?.aMonth == null ? '–' : money(kept.aMonth, prices.currency)] : []),
  ];
  return html`<div class="card">${table(
    prices ? 'What evidence takes, and what keeping it costs' : 'What evidence takes',
    [{ name: 'evidence' }, { name: 'size', number: true }, ...(prices ? [{ name: 'for 30 days', number: true }] : [])],
    [
      row(`Of the incidents of this ${span}`, ofPeriod),
      row('Of one incident, the mean', ofIncident),
      row(`In the long run, at the pace of this ${span}`, inTheLongRun),
    ],
  )}
<ul class="plain">
<li>${what(incidents.evidence)}</li>
<li>${longRun(storage, span)}</li>
${prices && ofIncident?.inAll != null && html`<li>Keeping the evidence of one incident for all of its time costs ${money(ofIncident.inAll, prices.currency)}, that of a thousand ${money(1000 * ofIncident.inAll, prices.currency)}.</li>`}
<li>${basis(storage)}</li>
<li>Cores and memory are not in here, because what they did is not stored; the Grafana board “Pipeline” has them, camera by camera.</li>
</ul></div>
`;
}

function what({ files, bytesByKind }: Figures['incidents']['evidence']): string {
  if (files === 0) return 'No evidence of incidents of this period is stored.';
  const parts = EVIDENCE_KINDS.flatMap((kind) => {
    const size = bytesByKind[kind];
    return size === undefined ? [] : [`${KINDS[kind]} ${bytes(size)}`];
  });
  return `Of this period: ${many(files, 'file')}, ${parts.join(', ')}, as stored when this report was made.`;
}

function longRun({ inTheLongRun, retention }: StorageSums, span: string): string {
  const { clips_days, records_days, max_bytes } = retention;
  if (!inTheLongRun) {
    return `In the long run: not to be told from this ${span}. Of less than a day of it all evidence is still there and somebody was watching.`;
  }
  const { measuredMs, full } = inTheLongRun;
  const rule = `pictures go after ${many(Math.min(clips_days, records_days), 'day')}, records after ${many(records_days, 'day')}, and ${bytes(max_bytes)} is the most (evidence.retention in the site file)`;
  const most = full ? ' More than that would come: the oldest will go sooner than these days.' : '';
  return `In the long run: what lies there once retention removes as much as comes. ${rule[0]?.toUpperCase()}${rule.slice(1)}.${most} The pace is that of ${duration(measuredMs)}; what people hold comes on top.`;
}

/** Where the money comes from, or how to get there. */
export function basis({ prices }: StorageTerms): Html {
  if (prices) {
    return html`At ${money(prices.storage_gb_month, prices.currency)} for a GB that is stored for 30 days: <code>prices</code> in the site file. Requests, transfer and copies that a bucket keeps by itself are not in it.`;
  }
  return html`No money is said, because the site file has no prices. Write into it what a month costs you, such as <code>prices: { currency: EUR, cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.05 }</code>.`;
}
