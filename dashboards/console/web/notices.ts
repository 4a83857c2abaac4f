/** What is wrong beside the cameras. */
import type { SiteView } from '../views.ts';
import { find } from './dom.ts';

/** Of an event `site`. */
export type SiteNews = Pick<SiteView, 'refusedEdit' | 'evidence' | 'stateStore'>;

let storeInTrouble = false;

/** @returns whether the state store has just come back: what is shown may be old, or not all. */
export function drawNotices({ refusedEdit, evidence, stateStore }: SiteNews): boolean {
  drawRefused(refusedEdit);
  drawWaiting(evidence);
  drawStore(stateStore);
  const isBack = storeInTrouble && stateStore === null;
  storeInTrouble = stateStore !== null;
  return isBack;
}

/** Nothing is lost, but what is shown may be old or not all. */
function drawStore(trouble: SiteView['stateStore']): void {
  const notice = find('state-store', HTMLElement);
  notice.hidden = trouble === null;
  if (trouble) {
    const what =
      trouble.state === 'away'
        ? 'The state store cannot be read: what you see is as it was, and incidents come when it is back.'
        : 'The state store is being filled again: some cameras and incidents are missing yet.';
    notice.textContent = `${what} Since ${new Date(trouble.since).toLocaleTimeString()}.\n${trouble.message}`;
  }
}

/** Incidents go on; only their pictures wait. */
function drawWaiting(waiting: SiteView['evidence']): void {
  const notice = find('evidence-waits', HTMLElement);
  notice.hidden = waiting === null;
  notice.textContent =
    waiting === null
      ? ''
      : `The evidence store cannot be used since ${new Date(waiting.since).toLocaleTimeString()}: ${waiting.objects} files (${Math.ceil(waiting.bytes / 1e6)} MB) wait on this machine.\n${waiting.message}`;
}

/** An edit of the site file that is not active, until it is mended. */
function drawRefused(refused: SiteView['refusedEdit']): void {
  const notice = find('refused', HTMLElement);
  notice.hidden = refused === null;
  notice.textContent =
    refused === null
      ? ''
      : `The edited site file was refused (${new Date(refused.at).toLocaleTimeString()}); the one before stays active.\n${refused.why}`;
}
