/** A message to see whether a channel works; past the outbox, and about no incident. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { makeAdapter } from './channels/registry.ts';
import { compose } from './compose.ts';
import type { Body } from './message.ts';
import type { Outcome } from './post.ts';

export interface TryOutOptions {
  site: string;
  camera: string;
  version: string;
  consoleUrl: string | null;
  clock: Clock;
}

/** Never rejects. */
export async function tryOut(channel: ChannelConfig, options: TryOutOptions): Promise<Outcome> {
  const { version, consoleUrl, clock } = options;
  const body = JSON.stringify(testBody(channel, options));
  const adapter = await makeAdapter(channel);
  const sending = compose([body], { version, template: null, consoleUrl });
  return adapter.deliver(sending, { clock, timeoutMs: channel.timeout_s * 1000, signal: new AbortController().signal });
}

function testBody({ id }: ChannelConfig, { site, camera, version, clock }: TryOutOptions): Body {
  const now = toTimestamp(clock.now());
  const incident: Incident = {
    ...{ id: `test-${clock.now()}`, revision: 1, transition: 'opened', state: 'open' },
    ...{ site, camera, rule: 'test', type: 'zone_entry', severity: 'low', zone: null, line: null, direction: null },
    ...{ openedAt: now, updatedAt: now, closedAt: null, closeReason: null, unobservedReason: null },
    ...{ peopleMax: 0, tracks: [], peak: { captureTime: now, box: null, frame: null }, model: null, configHash: '' },
    ...{ muted: false, acknowledged: null, rejected: null, evidence: [] },
  };
  const text = `This is a test: ${site} reaches you over the channel ${id}. Nothing has happened.`;
  return { type: 'test', key: `${incident.id}/1`, text, version, incident };
}
