/** For tests: an evidence sink in a process of its own, to be killed. Argument: data_dir of its bus and store. */
import { join } from 'node:path';
import { connectLocalBus } from '../../runtime/bus/local/client.ts';
import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { EmbeddedStateReader } from '../../runtime/stores/state/embedded.ts';
import { EvidenceSink } from './evidence.ts';

const [dataDir = ''] = process.argv.slice(2);
const fail = (error: Error): never => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
};
// Whoever started it is gone.
process.once('disconnect', () => process.exit(1));
const bus = await connectLocalBus(busSocketPath(dataDir), { onLost: fail });
const deps = { bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock, dataDir };
const sink = new EvidenceSink(deps, {
  store: new LocalObjectStore(join(dataDir, 'evidence')),
  retention: { clips_days: 36_500, records_days: 36_500, max_bytes: 1e12 },
  held: new EmbeddedStateReader(dataDir),
  version: '0',
  onError: fail,
});
await sink.start();
process.send?.('ready');
