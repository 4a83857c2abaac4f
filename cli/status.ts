import { wantsColor } from '../config/check.ts';
import { compileSite } from '../config/compile.ts';
import { cameraView } from '../dashboards/console/cameras.ts';
import { SpoolReader } from '../runtime/stores/objects/spool.ts';
import { waiting } from '../runtime/stores/objects/waiting.ts';
import { openStateReader } from '../runtime/stores/state/open.ts';
import { toTimestamp } from '../runtime/time.ts';
import { cameraLine, painter } from '../supervisor/screen.ts';
import { loadOrThrow } from './role.ts';
import { clockOffsets, isRunning } from './running.ts';

/** Every camera of the site file with its state. @returns 0, or 1 while `up` does not run. */
export async function status(options: { config: string; json?: boolean }): Promise<number> {
  const { config, configHash } = await loadOrThrow(options.config);
  const running = await isRunning(config);
  const offsetMs = running ? await clockOffsets(config) : () => 0;
  const state = await openStateReader(config.state, config.data_dir);
  const now = Date.now();
  const [live, open] = await Promise.all([
    state.cameras(config.site),
    state.incidents({ site: config.site, state: ['open', 'unobserved'], limit: 500 }),
    // A connection left open would keep the command from ending.
  ]).finally(() => state.close());
  const cameras = compileSite(config, configHash).cameras.map((camera) =>
    cameraView(
      camera,
      live.find((one) => one.camera === camera.camera),
      open.incidents.filter((incident) => incident.camera === camera.camera).length,
      // What is told of it was stamped by its agent's clock.
      now + offsetMs(camera.camera),
    ),
  );
  const spool = new SpoolReader(config.data_dir);
  const evidence = waiting(spool.state());
  spool.close();
  // What nobody refreshes and nobody will: it does not connect, it is not running.
  if (!running) for (const camera of cameras) Object.assign(camera, { state: 'stopped', watched: false, media: null });
  if (options.json) {
    const report = { site: config.site, running, now: toTimestamp(now), configHash, evidence, cameras };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return running ? 0 : 1;
  }
  const paint = painter(wantsColor(process.stdout, process.env));
  if (!running)
    process.stdout.write(
      `${paint('banksman up does not run for this site file', 'red')}: banksman up -c ${options.config}\n`,
    );
  if (evidence) {
    const size = `${evidence.objects} files, ${Math.ceil(evidence.bytes / 1e6)} MB`;
    process.stdout.write(
      `${paint('evidence waits', 'red')} on this machine (${size}): ${evidence.message} [${evidence.code}]\n`,
    );
  }
  for (const camera of cameras) {
    const watched = camera.watched ? paint('watched    ', 'green') : paint('not watched', 'red');
    process.stdout.write(`${watched} ${cameraLine({ ...camera, site: config.site, camera: camera.id }, paint)}\n`);
  }
  return running ? 0 : 1;
}
