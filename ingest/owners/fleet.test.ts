/** Agents in processes of their own over one bus: who runs what, whatever happens to them. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cancelDrain, orderDrain } from '../../runtime/fleet/orders.ts';
import { IngestFleet } from '../../test/fleet/ingest_fleet.ts';
import { StallingProxy } from '../../test/fleet/stalling_proxy.ts';
import { family, isAlive } from '../../test/processes.ts';
import { until } from '../../test/wait.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

const CAMERAS = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
let fleet: IngestFleet;

beforeEach(async () => {
  fleet = new IngestFleet();
  await fleet.start();
});
afterEach(() => fleet.stop());

function of(agent: string): string[] {
  return fleet.owned().get(agent) ?? [];
}

function leader(): string {
  return fleet.living().find(({ record }) => record.leads)?.record.agent ?? '';
}

describe('agents', () => {
  it('share cameras that come and go, and those of one that is killed or ends; nobody else is disturbed', async () => {
    await fleet.launchAll(['a', 'b', 'c']);
    await fleet.addCameras(...CAMERAS);
    await fleet.seen(CAMERAS, ['a', 'b', 'c']);
    await fleet.shared(['a', 'b', 'c'], 2);

    await fleet.addCameras('c7');
    await fleet.seen(['c7'], ['a', 'b', 'c']);
    await fleet.removeCamera('c7');
    await until('nobody to own it', () => fleet.ownerOf('c7') === undefined);
    await until('nobody to run it', () => !fleet.living().some(({ record }) => 'c7' in record.cameras));
    const statuses = fleet.bus.table('camera.status.v1');
    await statuses.start();
    await until('no status of it', () => statuses.get('yard/c7') === undefined);
    await statuses.stop();

    // Records that nobody can read stop nobody; a camera whose owner cannot be read is given anew.
    const before = fleet.given.length;
    for (const topic of ['agents.v1', 'camera.owners.v1', 'agent.orders.v1', 'coordinator.v1', 'cameras.v1']) {
      await fleet.poison(topic, 'yard/c1');
    }
    await until('it to be given anew', () => fleet.given.slice(before).some(({ camera }) => camera === 'c1'));
    await fleet.addCameras('c1');
    await fleet.seen(CAMERAS, ['a', 'b', 'c']);

    // The one that leads: another does at once.
    const first = await until('one to lead', () => leader() || null);
    const orphans = of(first);
    const others = CAMERAS.filter((camera) => fleet.ownerOf(camera) !== first);
    const left = ['a', 'b', 'c'].filter((id) => id !== first);
    const owners = new Map(others.map((camera) => [camera, fleet.ownerOf(camera) ?? '']));
    const runs = runsOf(others);
    const killedAt = performance.now();
    await fleet.kill(first);
    await until('other owners', () => of(first).length === 0);
    await fleet.seen(orphans, left);
    await until('another to lead', () => left.includes(leader()));
    await fleet.seen(others, left);
    const steady = fleet.steady(left, killedAt);
    const undisturbed = others.filter((camera) => steady.includes(owners.get(camera) ?? ''));
    expect(runsOf(undisturbed)).toEqual(new Map([...runs].filter(([camera]) => undisturbed.includes(camera))));

    const [leaving = '', staying = ''] = left;
    const cameras = of(leaving);
    expect(await fleet.end(leaving)).toBe(0);
    expect(of(leaving)).toEqual([]);
    await fleet.seen(cameras, [staying]);
    await until(
      'only one to live',
      () =>
        fleet
          .living()
          .map(({ record }) => record.agent)
          .join() === staying,
    );
    expect(fleet.violations()).toEqual([]);
  });

  it('take the cameras of one that is cut off, which by then has stopped them', async () => {
    await fleet.addCameras(...CAMERAS);
    const proxy = new StallingProxy(join(fleet.dir, 'proxy.sock'), fleet.socket);
    await proxy.start();
    fleet.launch('a');
    await until('a to lead', () => leader() === 'a');
    fleet.launch('b', { busAddress: { type: 'local', socket: proxy.path } });
    await until('both', () => fleet.living().length === 2);
    await fleet.addCameras('c7', 'c8', 'c9');
    const all = [...CAMERAS, 'c7', 'c8', 'c9'];
    await until('its share', () => of('b').length >= 3);
    await fleet.seen(all, ['a', 'b']);
    const processes = family(fleet.pidOf('b')).filter(({ pid }) => pid !== fleet.pidOf('b'));
    expect(processes.length).toBeGreaterThanOrEqual(3);
    proxy.stall();
    await until('all to be owned by a', () => of('a').length === all.length);
    await until('its cameras to have stopped', () => !processes.some(({ pid }) => isAlive(pid)));
    await fleet.seen(all, ['a']);
    expect(fleet.violations()).toEqual([]);
    await fleet.kill('b');
    await proxy.stop();
  });

  it('give their cameras away when they are to drain, and take some again when not', async () => {
    await fleet.addCameras(...CAMERAS);
    for (const id of ['a', 'b']) fleet.launch(id);
    await fleet.seen(CAMERAS, ['a', 'b']);
    await orderDrain(fleet.bus, { site: 'yard', agent: 'a', by: 'me' }, Date.now());
    await until('it to have none', () => of('a').length === 0);
    await fleet.seen(CAMERAS, ['b']);
    await fleet.shared(['b'], 6);
    // One that comes then gets what is too much for the other.
    fleet.launch('c');
    await until('c', () => fleet.living().some(({ record }) => record.agent === 'c'));
    await fleet.addCameras('c7', 'c8');
    await fleet.seen(['c7', 'c8'], ['b', 'c']);
    expect(of('a')).toEqual([]);
    await cancelDrain(fleet.bus, { site: 'yard', agent: 'a' });
    await fleet.kill('c');
    await until('a to take some', () => of('a').length > 0);
    await fleet.seen([...CAMERAS, 'c7', 'c8'], ['a', 'b']);
    expect(fleet.violations()).toEqual([]);
  });

  it('do the same when their clocks are half a minute apart', async () => {
    const skews: Record<string, number> = { slow: -30_000, right: 0, fast: 30_000 };
    const all = Object.keys(skews);
    await fleet.launchAll(all, (id) => ({ skewMs: skews[id] ?? 0 }));
    await fleet.addCameras(...CAMERAS);
    await fleet.seen(CAMERAS, all);
    await fleet.shared(all, 2);
    // By the records that came quickest.
    await until('their clocks to be known', () => {
      const offsets = new Map(fleet.living().map(({ record, clockOffsetMs }) => [record.agent, clockOffsetMs]));
      return all.every((id) => Math.abs((offsets.get(id) ?? Number.NaN) - (skews[id] ?? 0)) < 1_000);
    });
    const orphans = of('fast');
    await fleet.kill('fast');
    await until('other owners', () => of('fast').length === 0);
    await fleet.seen(orphans, ['slow', 'right']);
    expect(fleet.violations()).toEqual([]);
  });
});

function runsOf(cameras: readonly string[]): Map<string, string | undefined> {
  return new Map(cameras.map((camera) => [camera, fleet.sights.findLast((sight) => sight.camera === camera)?.runId]));
}
