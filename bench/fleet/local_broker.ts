/** Hosts the local bus in the folder given, and says when it can be used. */
import { LocalBusServer } from '../../runtime/bus/local/server.ts';

await new LocalBusServer({ dataDir: process.argv[2] ?? '' }).start();
process.send?.({ ready: true });
process.on('disconnect', () => process.exit(0));
