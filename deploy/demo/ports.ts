import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { freePort, whyTaken } from '../../runtime/ports.ts';

const RTSP_PORT = 8554;
/** Where a site file says nothing. */
const USUAL = { console: '127.0.0.1:8080', metrics: '127.0.0.1:9464' };

export interface DemoSite {
  /** The site file to run with: the demo's own, or a copy where a port of it was taken. */
  path: string;
  rtspPort: number;
  /** What is different from the demo's own, for people. */
  changes: string[];
}

/** The demo runs on the file that people read; only where a port is taken it runs on a copy with another. */
export async function siteWithFreePorts(path: string, copyTo: string, wantedPort = RTSP_PORT): Promise<DemoSite> {
  const site = parseDocument(await readFile(path, 'utf8'));
  const changes: string[] = [];
  let rtspPort = wantedPort;
  if (await whyTaken(wantedPort)) {
    rtspPort = await freePort();
    for (const camera of Object.keys(site.toJS().cameras)) {
      site.setIn(['cameras', camera, 'url'], `rtsp://127.0.0.1:${rtspPort}/${camera}`);
    }
    changes.push(`port ${wantedPort} is taken: the cameras are at ${rtspPort}`);
  }
  for (const [what, usual] of Object.entries(USUAL)) {
    const port = Number(
      String(site.getIn([what, 'bind']) ?? usual)
        .split(':')
        .at(-1),
    );
    if (!(await whyTaken(port))) continue;
    site.setIn([what, 'bind'], '127.0.0.1:0');
    changes.push(`port ${port} is taken: ${what} is elsewhere`);
  }
  if (changes.length === 0) return { path, rtspPort, changes };
  site.set('data_dir', resolve(path, '..', String(site.get('data_dir') ?? './data')));
  await writeFile(copyTo, site.toString());
  return { path: copyTo, rtspPort, changes };
}
