import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BusFixture, busCompliance } from '../compliance.ts';
import { SessionBus } from '../session/bus.ts';
import { connectLocalBus } from './client.ts';
import { Engine } from './engine.ts';
import { LocalBusServer } from './server.ts';

const framesMaxBytes = 2_000_000;

async function crash(bus: unknown): Promise<void> {
  if (bus instanceof SessionBus) bus.abort();
}

busCompliance('memory', async (): Promise<BusFixture> => {
  const engine = new Engine({ path: ':memory:', frames: { maxBytes: framesMaxBytes } });
  return {
    connect: async () => new SessionBus(engine.session({ copy: true })),
    crash,
    stop: () => engine.close(),
    framesMaxBytes,
    failoverMs: 15_000,
  };
});

busCompliance('socket', async (): Promise<BusFixture> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'bus-'));
  const server = new LocalBusServer({ dataDir, frames: { maxBytes: framesMaxBytes } });
  await server.start();
  return {
    connect: () => connectLocalBus(server.socketPath),
    crash,
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true });
    },
    framesMaxBytes,
    failoverMs: 15_000,
  };
});
