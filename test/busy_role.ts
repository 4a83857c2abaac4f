import { silentLogger } from '../runtime/log.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { runRole } from '../runtime/role.ts';
import { busyFor, REFERENCE_MS, Stops } from './busy.ts';
import { busyCamera, everythingElse } from './busy_camera.ts';

/**
 * A role for the test of a scrape: a real process that has the metrics of as many busy cameras as its argument says. As
 * role `longest` it tells for how long its event loop stood still at most since it was asked before. Every second time
 * it renders nothing and is as busy in another way: how long it stands still then is the machine's doing.
 */
const [cameras = '0'] = process.argv.slice(2);
const metrics = new PrometheusMetrics();
for (let index = 0; index < Number(cameras); index++) busyCamera(metrics, `camera-${String(index).padStart(4, '0')}`);
everythingElse(metrics);

const stops = new Stops();
let asked = 0;
const alive = setInterval(() => undefined, 60_000);
const code = await runRole({
  name: 'busy',
  log: silentLogger,
  components: [],
  metrics: async function* () {
    const longestS = (await stops.longestMs()) / 1_000;
    asked += 1;
    if (asked % 2 === 0) {
      const name = 'banksman_process_event_loop_delay_p99_seconds';
      yield { name, head: '', text: `${name}{role="longest"} ${longestS}\n` };
      await busyFor(REFERENCE_MS);
      return;
    }
    metrics.set('process_event_loop_delay_p99_seconds', longestS, { role: 'longest' });
    yield* metrics.slices();
  },
});
clearInterval(alive);
process.exit(code);
