import type { MuteList } from '../views.ts';
import { button, find, make } from './dom.ts';
import { askUnmute } from './judge.ts';
import { mayJudge } from './me.ts';
import { getJson } from './server.ts';
import { clock, muted } from './words.ts';

const place = find('mutes', HTMLElement);

/** Silence must not be taken for safety: whoever looks here sees what is silenced, by whom and until when. */
export async function loadMutes(): Promise<void> {
  const { mutes } = await getJson<MuteList>('/api/v1/mutes');
  place.hidden = mutes.length === 0;
  place.replaceChildren(
    ...mutes.map((mute) =>
      make(
        'li',
        '',
        make('span', '', `No messages of ${muted(mute)} until ${clock(mute.until)}: ${mute.reason} (${mute.by})`),
        mayJudge() ? button('End', () => askUnmute(mute)) : null,
      ),
    ),
  );
}
