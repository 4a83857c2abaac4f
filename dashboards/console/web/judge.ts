/** The dialog in which somebody acknowledges, rejects, mutes or ends a mute. */
import type { Incident, Mute } from '../../../runtime/messages/types.ts';
import { find } from './dom.ts';
import { myName } from './me.ts';
import { whyNot } from './server.ts';
import { muted } from './words.ts';

const dialog = find('judge', HTMLDialogElement);
const form = find('judge-form', HTMLFormElement);

type Judging =
  | { action: 'acknowledge' | 'reject' | 'mute'; incident: Incident }
  | { action: 'unmute'; mute: Mute; incident: null };
let judging: Judging | null = null;

export function ask(action: 'acknowledge' | 'reject' | 'mute', incident: Incident): void {
  judging = { action, incident };
  showJudge(action, `${incident.rule} at ${incident.camera}`);
}

export function askUnmute(mute: Mute): void {
  judging = { action: 'unmute', mute, incident: null };
  showJudge('unmute', muted(mute));
}

/** Sends what the dialog was answered. @returns whether it is saved; if not, the dialog says why. */
export async function judge(): Promise<boolean> {
  if (!judging) return false;
  const given = new FormData(form);
  const by = String(given.get('by') ?? '').trim();
  const note = String(given.get('note') ?? '').trim();
  if (myName() === null) localStorage.setItem('by', by);
  const [method, path, body] = judgement(judging, by, note, Number(given.get('minutes')));
  const response = await fetch(path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => null);
  if (response?.ok) {
    dialog.close();
    return true;
  }
  const error = find('judge-error', HTMLElement);
  error.hidden = false;
  error.textContent = `Not saved: ${response ? await whyNot(response) : 'the console does not answer.'}`;
  return false;
}

function showJudge(action: Judging['action'], what: string): void {
  const words = {
    acknowledge: ['Acknowledge', 'Somebody has seen it and takes care of it.', 'Note'],
    reject: ['Reject', 'It is not what the rule is meant for. Rejected incidents become training material.', 'Why not'],
    mute: [
      'Mute messages',
      `No messages of ${what} for a while. Incidents are still recorded and shown here.`,
      'Reason',
    ],
    unmute: ['End the mute', `Messages of ${what} are sent again.`, ''],
  }[action];
  find('judge-title', HTMLElement).textContent = words[0] ?? '';
  find('judge-about', HTMLElement).textContent = words[1] ?? '';
  find('judge-note-label', HTMLElement).textContent = words[2] ?? '';
  find('judge-submit', HTMLElement).textContent = words[0] ?? '';
  find('judge-duration', HTMLElement).hidden = action !== 'mute';
  find('judge-error', HTMLElement).hidden = true;
  const by = form.elements.namedItem('by');
  find('judge-by', HTMLElement).hidden = myName() !== null;
  if (by instanceof HTMLInputElement) by.value = myName() ?? localStorage.getItem('by') ?? '';
  const note = form.elements.namedItem('note');
  find('judge-note', HTMLElement).hidden = action === 'unmute';
  if (note instanceof HTMLTextAreaElement) {
    note.value = '';
    note.required = action === 'mute';
  }
  dialog.showModal();
}

/** What is sent for an answer of the dialog. */
function judgement(asked: Judging, by: string, note: string, minutes: number): [string, string, unknown] {
  const { action, incident } = asked;
  if (action === 'unmute') {
    return ['DELETE', `/api/v1/mutes/${encodeURIComponent(asked.mute.id)}?by=${encodeURIComponent(by)}`, undefined];
  }
  if (action === 'mute') {
    const until = new Date(Date.now() + minutes * 60_000).toISOString();
    return ['POST', '/api/v1/mutes', { camera: incident.camera, rule: incident.rule, by, reason: note, until }];
  }
  const path = `/api/v1/incidents/${encodeURIComponent(incident.id)}/${action}`;
  return ['POST', path, { by, note: note === '' ? null : note }];
}
