import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallDisk } from '../../stores/objects/small_disk.ts';
import { collect, eventually } from '../compliance_support.ts';
import type { Delivery } from '../types.ts';
import { connectLocalBus } from './client.ts';
import { lockDataDir } from './lock.ts';
import { busSocketPath } from './paths.ts';
import { LocalBusServer } from './server.ts';
import { FrameReader, frame, jsonFrame, TO_CLIENT, TO_SERVER } from './wire.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('LocalBusServer', () => {
  let dataDir: string;
  const servers: LocalBusServer[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'bus-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    rmSync(dataDir, { recursive: true });
  });

  async function serve(): Promise<LocalBusServer> {
    const server = new LocalBusServer({ dataDir });
    servers.push(server);
    await server.start();
    return server;
  }

  it('listens where only this user may connect', async () => {
    const { socketPath } = await serve();
    expect(socketPath).toBe(busSocketPath(dataDir));
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700);
  });

  it('has a short address for a deep data_dir', async () => {
    const deep = join(dataDir, 'd'.repeat(120));
    const path = busSocketPath(deep);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
    expect(path).not.toBe(busSocketPath(`${deep}2`));
    const server = new LocalBusServer({ dataDir: deep });
    mkdirSync(deep);
    servers.push(server);
    await server.start();
    const bus = await connectLocalBus(path);
    await bus.close();
    rmSync(dirname(path), { recursive: true });
  });

  it('takes the place of a socket that a killed bus left, not of one that answers', async () => {
    const path = busSocketPath(dataDir);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    const server = await serve();
    await (await connectLocalBus(path)).close();
    await expect(new LocalBusServer({ dataDir }).start()).rejects.toEqual(code('DATA_DIR_LOCKED'));
    await (await connectLocalBus(path)).close();
    await server.stop();
    expect(existsSync(path)).toBe(false);
  });

  it('cannot be reached when it is not there', async () => {
    await expect(connectLocalBus(busSocketPath(dataDir))).rejects.toEqual(code('BUS_UNREACHABLE'));
  });

  it('cannot be reached where something else answers', async () => {
    const path = join(dataDir, 'other.sock');
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(path);
    await expect(connectLocalBus(path)).rejects.toEqual(code('BUS_UNREACHABLE'));
    other.close();
  });

  it('tells everybody on a connection that it is lost', async () => {
    const server = await serve();
    const lost: unknown[] = [];
    const bus = await connectLocalBus(server.socketPath, { onLost: (error) => lost.push(error) });
    const errors: unknown[] = [];
    const consumer = bus.consumer('g', ['tracks.v1'], () => {}, { onError: (error) => errors.push(error) });
    await consumer.start();
    const pausing = bus.consumer('h', ['tracks.v1'], () => {}, { onError: (error) => errors.push(error) });
    await pausing.start();
    pausing.pause();
    const tail = bus.tail('tracks.v1', 'latest')[Symbol.asyncIterator]().next();
    const ended = expect(tail).rejects.toEqual(code('BUS_LOST'));
    await server.stop();
    await ended;
    await eventually(() => {
      expect(lost).toEqual([code('BUS_LOST')]);
      expect(errors).toEqual([code('BUS_LOST'), code('BUS_LOST')]);
    });
    await expect(bus.producer().send('tracks.v1', { key: 'a', value: null })).rejects.toEqual(code('BUS_LOST'));
    await expect(bus.lag()).rejects.toEqual(code('BUS_LOST'));
    await bus.close();
  });

  it('does not call it lost when the client closes, nor fail its consumers', async () => {
    const server = await serve();
    const told: unknown[] = [];
    const bus = await connectLocalBus(server.socketPath, { onLost: (error) => told.push(error) });
    const revoked: unknown[] = [];
    await bus
      .consumer('g', ['tracks.v1'], () => {}, {
        onError: (error) => told.push(error),
        onRevoked: (partitions) => void revoked.push(...partitions),
      })
      .start();
    await bus.close();
    expect(revoked).toHaveLength(4);
    expect(told).toEqual([]);
  });

  it('holds what a slow reader asked for in the log, not in its own memory', async () => {
    const server = await serve();
    const producer = server.bus.producer();
    for (let i = 0; i < 10; i++) await producer.send('incidents.v1', { key: 'a', value: Buffer.alloc(500_000) });
    const { partition } = await producer.send('incidents.v1', { key: 'a', value: null });
    const request = { topic: 'incidents.v1', partition, offset: 0, maxRecords: 10, maxBytes: 5e6, wait: true };
    const slow = createConnection(server.socketPath);
    await once(slow, 'connect');
    slow.pause();
    const held = (): number => process.memoryUsage().arrayBuffers;
    const before = held();
    // Answered at once they would be 300 MB.
    for (let id = 1; id <= 60; id++) for (const part of jsonFrame(TO_SERVER.fetch, id, request)) slow.write(part);
    await eventually(() => expect(slow.writableLength).toBe(0));
    const bus = await connectLocalBus(server.socketPath);
    for (let i = 0; i < 20; i++) await bus.producer().send('tracks.v1', { key: 'a', value: null });
    expect(held() - before).toBeLessThan(60_000_000);

    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    let answered = 0;
    const reader = new FrameReader(({ type }) => {
      if (type === TO_CLIENT.batch) answered += 1;
    });
    slow.on('data', (chunk) => reader.push(Buffer.from(chunk)));
    slow.resume();
    await eventually(() => expect(answered).toBe(60));
    // The socket was full as many times, and nothing stays behind of that.
    expect(warnings).toEqual([]);
    process.off('warning', onWarning);
    slow.destroy();
    await bus.close();
  });

  it('refuses with a code while the disk is full, loses nothing it took, and goes on when there is room', async ({
    skip,
  }) => {
    const disk = await smallDisk('6m');
    if (!disk) return skip('no small disk can be mounted here');
    const ballast = join(disk.path, 'ballast');
    const open = async () => {
      const server = new LocalBusServer({ dataDir: disk.path });
      await server.start();
      return { server, bus: await connectLocalBus(server.socketPath) };
    };
    let { server, bus } = await open();
    try {
      const taken: number[] = [];
      const send = async (number: number): Promise<void> => {
        const value = Buffer.alloc(20_000);
        value.writeUInt32LE(number);
        await bus.producer().send('incidents.v1', { key: 'a', value });
        taken.push(number);
      };
      await send(0);
      const deliveries: Delivery[] = [];
      const consumer = bus.consumer('g', ['incidents.v1'], (delivery) => void deliveries.push(delivery));
      await consumer.start();
      const lag = async (): Promise<number> => (await consumer.lag()).reduce((sum, each) => sum + each.lag, 0);
      writeFileSync(ballast, Buffer.alloc(4_000_000));
      let number = 1;
      const full = { code: 'BUS_STORE_FULL', retryable: true };
      await expect(
        (async () => {
          for (; ; number++) await send(number);
        })(),
      ).rejects.toMatchObject(full);
      await expect(send(number)).rejects.toMatchObject(full);
      // What it has is delivered also now; that it was read cannot be written down yet.
      await eventually(() => expect(deliveries).toHaveLength(taken.length));
      for (const delivery of deliveries) delivery.ack();
      await expect(send(number)).rejects.toMatchObject(full);

      rmSync(ballast);
      await send(number);
      await eventually(() => expect(deliveries).toHaveLength(taken.length));
      deliveries.at(-1)?.ack();
      await eventually(async () => expect(await lag()).toBe(0));
      await consumer.stop();
      await bus.close();
      await server.stop();
      ({ server, bus } = await open());
      const kept = await collect(bus.tail('incidents.v1', 'earliest', { stopAtEnd: true }));
      expect(kept.map(({ value }) => value?.readUInt32LE(0))).toEqual(taken);
      expect((await bus.lag()).filter(({ lag }) => lag > 0)).toEqual([]);
    } finally {
      await bus.close();
      await server.stop();
      await disk.remove();
    }
  });

  it('drops a connection that does not speak its protocol, and serves the others', async () => {
    const server = await serve();
    const bus = await connectLocalBus(server.socketPath);
    for (const nonsense of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat(frame(99, 1, [])),
      Buffer.concat(frame(TO_SERVER.call, 1, [Buffer.from('{')])),
    ]) {
      const rude = createConnection(server.socketPath);
      rude.on('error', () => {});
      rude.resume();
      rude.write(nonsense);
      await new Promise((resolve) => rude.once('close', resolve));
    }
    expect(await bus.producer().send('tracks.v1', { key: 'a', value: null })).toMatchObject({ offset: 0 });
    await bus.close();
  });
});

describe('lockDataDir', () => {
  it('lets one in at a time, and says so', async () => {
    const dataDir = join(mkdtempSync(join(tmpdir(), 'bus-')), 'made', 'here');
    const lock = await lockDataDir(dataDir);
    await expect(lockDataDir(dataDir)).rejects.toEqual(code('DATA_DIR_LOCKED'));
    await lock.release();
    await (await lockDataDir(dataDir)).release();
    rmSync(dataDir, { recursive: true });
  });

  it('names a folder that cannot be used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bus-'));
    writeFileSync(join(folder, 'file'), '');
    await expect(lockDataDir(join(folder, 'file'))).rejects.toEqual(code('DATA_DIR_UNUSABLE'));
    rmSync(folder, { recursive: true });
  });
});
