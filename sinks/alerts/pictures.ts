/** Pictures of incidents for messages: the bytes, or a link that ends. */
import type { AlertsConfig } from '../../config/site_alerts.ts';
import { PictureLinks } from '../../runtime/access/picture_links.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Incident, SecretRef } from '../../runtime/messages/types.ts';
import type { ObjectsOptions } from '../../runtime/stores/objects/open.ts';
import type { ObjectReader } from '../../runtime/stores/objects/types.ts';
import { evidenceKey } from '../evidence/keys.ts';

export interface PicturesOptions {
  objects: ObjectReader;
  clock: Clock;
  /** How long a link holds. */
  linkS: number;
  /** Whether people reach the store. */
  reachable: boolean;
  /** The console as people reach it, which shows the picture where they do not reach the store; null: nobody said. */
  console: { url: string; links: PictureLinks } | null;
}

/** The evidence sink writes a picture while the message is on its way: so long it is waited for. */
const WAIT_MS = 5_000;
const LOOK_EVERY_MS = 500;
/** What is larger goes nowhere. */
const LARGEST = 5_000_000;

/** @returns null where no channel wants any. */
export async function openPictures(
  { channels, link_hours, console_url: url }: Pick<AlertsConfig, 'channels' | 'link_hours' | 'console_url'>,
  objects: ObjectsOptions,
  { clock, dataDir, fleetToken }: { clock: Clock; dataDir: string; fleetToken: SecretRef | null },
): Promise<Pictures | null> {
  if (channels.every(({ snapshot }) => snapshot === 'none')) return null;
  const { openEvidenceReader } = await import('../../runtime/stores/objects/open.ts');
  // A bucket that browsers cannot reach says so for the console too.
  const reachable = objects.s3 !== null && objects.s3.link_expires_s > 0;
  const links = new PictureLinks({ dataDir, fleetToken, clock });
  return new Pictures({
    ...{ clock, reachable, linkS: Math.round(link_hours * 3_600) },
    objects: await openEvidenceReader(objects, dataDir),
    console: url === null ? null : { url, links },
  });
}

export class Pictures {
  readonly #options: PicturesOptions;

  constructor(options: PicturesOptions) {
    this.#options = options;
  }

  /** JPEG. Null where there is none, or the store cannot be asked: a message never waits for long. */
  async bytes(incident: Incident, signal: AbortSignal): Promise<Buffer | null> {
    const { objects, clock } = this.#options;
    const until = clock.monotonic() + WAIT_MS;
    for (;;) {
      const found = await objects.get(evidenceKey(incident, 'snapshot')).catch(() => null);
      if (found) return found.length > LARGEST ? null : found;
      if (found === null || signal.aborted || clock.monotonic() >= until) return null;
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }

  /** Null where neither store nor console can be reached. It may hold before the picture is there. */
  async link(incident: Incident): Promise<string | null> {
    const { objects, linkS, reachable, console } = this.#options;
    try {
      if (reachable) return await objects.presign(evidenceKey(incident, 'snapshot'), linkS);
      return console && console.url.replace(/\/+$/, '') + (await console.links.make(incident.id, linkS));
    } catch {
      return null;
    }
  }

  close(): Promise<void> {
    return this.#options.objects.close();
  }
}
