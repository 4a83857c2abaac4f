import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentLogger } from '../runtime/log.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { runRole } from '../runtime/role.ts';
import { busyCamera, everythingElse } from './busy_camera.ts';

/**
 * A role for the test of a scrape: a real process that has the metrics of as many busy cameras as its argument says. As
 * role `longest` it tells for how long its event loop stood still at most since the scrape before.
 */
const [cameras = '0'] = process.argv.slice(2);
const metrics = new PrometheusMetrics();
for (let index = 0; index < Number(cameras); index++) busyCamera(metrics, `camera-${String(index).padStart(4, '0')}`);
everythingElse(metrics);

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const alive = setInterval(() => undefined, 60_000);
const code = await runRole({
  name: 'busy',
  log: silentLogger,
  components: [],
  metrics: async function* () {
    metrics.set('process_event_loop_delay_p99_seconds', delay.max / 1e9, { role: 'longest' });
    delay.reset();
    yield* metrics.slices();
  },
});
clearInterval(alive);
process.exit(code);
