import type { ChannelOf } from '../../../config/site_alerts.ts';
import type { Severity } from '../../../runtime/messages/types.ts';
import { post } from '../post.ts';
import { commonHeaders, cutLines, keysLine, secretUrl } from './texts.ts';
import type { Adapter, Sending } from './types.ts';

/** A message may have 28 KB. */
const LONGEST = 12_000;
const COLOR: Readonly<Record<Severity, string>> = {
  low: 'default',
  medium: 'warning',
  high: 'attention',
  critical: 'attention',
};

/** The webhook of a workflow ("post to a channel when a webhook request is received"): an Adaptive Card. */
export function teamsAdapter({ url }: ChannelOf<'teams'>): Adapter {
  return {
    deliver: async (sending, attempt) =>
      post({
        url: await secretUrl(url),
        headers: commonHeaders(sending),
        body: JSON.stringify(teamsMessage(sending)),
        ...attempt,
      }),
  };
}

function teamsMessage(sending: Sending) {
  const { title, text, severity, link, pictureLink, picture } = sending;
  const shown = picture !== null && pictureLink !== null;
  const open = (what: string, url: string | null) =>
    url === null ? [] : [{ type: 'Action.OpenUrl', title: what, url }];
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    msteams: { width: 'Full' },
    body: [
      { type: 'TextBlock', text: title, size: 'Medium', weight: 'Bolder', wrap: true, color: COLOR[severity] },
      // Two line ends: one alone is no new line in a card.
      { type: 'TextBlock', text: cutLines(text, LONGEST).replaceAll('\n', '\n\n'), wrap: true },
      ...(shown ? [{ type: 'Image', url: pictureLink, altText: 'the picture' }] : []),
      { type: 'TextBlock', text: keysLine(sending, 2_000), size: 'Small', isSubtle: true, wrap: true },
    ],
    actions: [...open('Show in banksman', link), ...open('Picture', shown ? null : pictureLink)],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
