/** For tests: an alerts sink in a process of its own, to be killed. Arguments: data_dir of its bus, webhooks and channels as JSON. */
import { connectLocalBus } from '../../runtime/bus/local/client.ts';
import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { AlertsSink } from './alerts.ts';

const [dataDir = '', webhooks = '[]', channels = '[]'] = process.argv.slice(2);
const fail = (error: Error): never => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
};
// Whoever started it is gone.
process.once('disconnect', () => process.exit(1));
const bus = await connectLocalBus(busSocketPath(dataDir), { onLost: fail });
const deps = { bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock, dataDir };
const retry = { minMs: 10, maxMs: 100 };
const receivers = { webhooks: JSON.parse(webhooks), channels: JSON.parse(channels) };
const sink = new AlertsSink(deps, { ...receivers, version: '0', onError: fail, retry });
await sink.start();
process.send?.('ready');
