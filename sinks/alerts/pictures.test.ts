import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PictureLinks } from '../../runtime/access/picture_links.ts';
import { FakeClock, systemClock } from '../../runtime/clock.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { sampleIncident } from '../../runtime/stores/state/samples.ts';
import { hasS3, S3Server, s3Options } from '../../test/services/s3.ts';
import { until } from '../../test/wait.ts';
import { evidenceKey } from '../evidence/keys.ts';
import { Pictures } from './pictures.ts';

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 9, 9]);
const incident = sampleIncident();
const key = evidenceKey(incident, 'snapshot');
const options = { contentType: 'image/jpeg', sha256: sha256Hex(JPEG) };
const going = new AbortController().signal;

describe('beside evidence on this machine', () => {
  let folder: string;
  let store: LocalObjectStore;
  let clock: FakeClock;
  let pictures: Pictures;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-pictures-'));
    store = new LocalObjectStore(folder);
    await store.start();
    clock = new FakeClock();
    const links = new PictureLinks({ dataDir: folder, fleetToken: null, clock });
    const console = { url: 'https://yard.example/', links };
    pictures = new Pictures({ objects: store, clock, linkS: 3_600, reachable: false, console });
  });
  afterEach(async () => {
    await pictures.close();
    await rm(folder, { recursive: true });
  });

  it('a picture that is on its way is waited for', async () => {
    const found = pictures.bytes(incident, going);
    await clock.advance(600);
    await store.put(key, JPEG, options);
    let done = false;
    void found.then(() => {
      done = true;
    });
    await until('it', async () => {
      await clock.advance(100);
      return done;
    });
    expect(await found).toEqual(JPEG);
  });

  it('a message does not wait for one that does not come', async () => {
    let found: Buffer | null | undefined;
    void pictures.bytes(incident, going).then((bytes) => {
      found = bytes;
    });
    await until('the end', async () => {
      await clock.advance(500);
      return found !== undefined;
    });
    expect(found).toBeNull();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5_000);
  });

  it('a link leads to the console, and ends', async () => {
    const link = await pictures.link(incident);
    const until = Math.floor(clock.now() / 1000) + 3_600;
    expect(link).toMatch(new RegExp(`^https://yard\\.example/pictures/incident-1\\?until=${until}&mac=[0-9a-f]{64}$`));
  });

  it('there is no link where nobody said how people reach the console', async () => {
    const alone = new Pictures({ objects: store, clock, linkS: 3_600, reachable: false, console: null });
    expect(await alone.link(incident)).toBeNull();
  });
});

it.skipIf(!hasS3())(
  'a link into a bucket shows the picture to whoever has it, and says when it ends',
  async () => {
    const server = await S3Server.start();
    const store = new S3ObjectStore(s3Options(server.endpoint));
    const pictures = new Pictures({ objects: store, clock: systemClock, linkS: 3_600, reachable: true, console: null });
    try {
      const link = await pictures.link(incident);
      expect(new URL(link ?? '').searchParams.get('X-Amz-Expires')).toBe('3600');
      await store.put(key, JPEG, options);
      const response = await fetch(link ?? '');
      expect(Buffer.from(await response.arrayBuffer())).toEqual(JPEG);
    } finally {
      await pictures.close();
      await server.stop();
    }
  },
  60_000,
);
