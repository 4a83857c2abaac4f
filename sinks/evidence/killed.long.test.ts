import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalBusServer } from '../../runtime/bus/local/server.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, publishFrame, sampleCamera, samplePicture, sampleRule } from '../testing.ts';
import { configure, proveWhole } from './testing.ts';

const KILLS = 20;

it('is whole after SIGKILL at any moment, twenty times', { timeout: 300_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'banksman-evidence-kill-'));
  const server = new LocalBusServer({ dataDir });
  await server.start();
  const { bus } = server;
  let child: ChildProcess | undefined;
  const start = async (): Promise<ChildProcess> => {
    const path = join(import.meta.dirname, 'sink_process.ts');
    const started = fork(path, [dataDir], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    child = started;
    await Promise.race([once(started, 'message'), once(started, 'exit')]);
    return started;
  };
  try {
    await configure(bus, sampleCamera(), sampleRule());
    const pictures = await Promise.all([0.3, 0.2, 0.1].map((top) => samplePicture([[0.3, top, 0.6, 0.95]], 320, 180)));
    const opened: Incident[] = [];
    let going = true;
    const feed = (async () => {
      for (let n = 0; going; n += 1) {
        const peaks = await Promise.all(
          pictures.slice(0, 2).map(async (jpeg, i) => ({
            captureTime: at(n + i),
            box: null,
            frame: await publishFrame(bus, [jpeg], { seq: n * 2 + i, captureTime: at(n + i) }),
          })),
        );
        const [first, better] = peaks;
        if (!first || !better) throw new Error('two peaks');
        const incident = sampleIncident({ id: `i-${n}`, openedAt: at(n), updatedAt: at(n), peak: first });
        const updated: Incident = { ...incident, revision: 2, transition: 'updated', peak: better };
        const closed: Incident = { ...updated, revision: 3, transition: 'closed', state: 'closed' };
        opened.push(incident);
        for (const transition of [incident, updated, closed]) {
          await publish(bus, 'incidents.v1', transition);
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
      }
    })();
    let seed = 7;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const victim = await start();
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      await new Promise((resolve) => setTimeout(resolve, (seed / 2 ** 31) * 400));
      const gone = once(victim, 'exit');
      victim.kill('SIGKILL');
      await gone;
    }
    going = false;
    await feed;
    await start();
    await until('everything acknowledged', () => caughtUp(bus, 'evidence'), 120_000, 50);
    const store = new LocalObjectStore(join(dataDir, 'evidence'));
    expect(opened.length).toBeGreaterThan(KILLS);
    for (const incident of opened) {
      const record = await proveWhole(bus, store, incident);
      expect(record.transitions.map(({ revision }) => revision)).toEqual([1, 2, 3]);
      expect(record.files.map(({ kind }) => kind)).toEqual(['snapshot', 'annotated']);
      expect(record).toMatchObject({ missing: [], incident: { state: 'closed' } });
    }
    // On a slow machine there are more of them than a page holds by default.
    const objects = await store.list({ limit: 10 * opened.length });
    expect(objects.length).toBe(2 + 3 * opened.length);
    // What was half written went when the next one started.
    expect(await readdir(join(dataDir, 'evidence', '.part'))).toEqual([]);
  } finally {
    child?.kill('SIGKILL');
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
});
