import type { ChannelOf } from '../../../config/site_alerts.ts';
import { post } from '../post.ts';
import { COLORS, commonHeaders, cutLines, keysLine, secretUrl } from './texts.ts';
import type { Adapter, Sending } from './types.ts';

/** Slack cuts attachments beyond this. */
const LONGEST = 3_500;

/** An incoming webhook: attachments, because Mattermost and Rocket.Chat know them as well, and no blocks. */
export function slackAdapter({ url }: ChannelOf<'slack'>): Adapter {
  return {
    deliver: async (sending, attempt) =>
      post({
        url: await secretUrl(url),
        headers: commonHeaders(sending),
        body: JSON.stringify(slackMessage(sending)),
        ...attempt,
      }),
  };
}

function slackMessage(sending: Sending) {
  const { title, text, severity, link, pictureLink, picture } = sending;
  const words = escaped(cutLines(text, LONGEST));
  const shown = picture !== null && pictureLink !== null;
  return {
    text: escaped(title),
    // What is a link stays one: a preview would be fetched, and kept for longer than the link holds.
    unfurl_links: false,
    unfurl_media: false,
    attachments: [
      {
        fallback: escaped(title),
        color: COLORS[severity],
        text:
          pictureLink === null || shown ? words : `${words}\n<${escaped(pictureLink).replaceAll('|', '%7C')}|Picture>`,
        ...(link === null ? {} : { title: 'Show in banksman', title_link: link }),
        ...(shown ? { image_url: pictureLink } : {}),
        footer: keysLine(sending, 1_000),
      },
    ],
  };
}

/** As Slack wants it: nothing in a text becomes a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
