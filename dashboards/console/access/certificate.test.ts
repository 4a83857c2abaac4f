import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { freePort } from '../../../runtime/ports.ts';
import { PrometheusMetrics } from '../../../runtime/prometheus.ts';
import { makeCertificate } from '../../../simulator/rtsp/certificate.ts';
import { until } from '../../../test/wait.ts';
import { followPair, readPair } from './certificate.ts';

/** Epoch seconds at which the certificate that a server shows ends. */
const shownEnd = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to) / 1_000);
      socket.destroy();
    });
    socket.on('error', reject);
  });

test('metrics say when the certificate ends that is shown, before and after it was renewed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'));
  const { certFile, keyFile } = makeCertificate(folder, 2);
  const files = { cert_file: join(folder, 'used-cert.pem'), key_file: join(folder, 'used-key.pem') };
  const use = (): Promise<unknown> =>
    Promise.all([copyFile(certFile, files.cert_file), copyFile(keyFile, files.key_file)]);
  await use();
  const pair = await readPair(files);
  const port = await freePort();
  const server = createServer(pair);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const metrics = new PrometheusMetrics();
  const clock = new FakeClock();
  const stop = new AbortController();
  const following = followPair(files, server, pair, { clock, log: silentLogger, metrics, signal: stop.signal });
  const saidEnd = async (): Promise<number> => {
    const text = await metrics.registry.getSingleMetricAsString('banksman_certificate_end_timestamp_seconds');
    return Number(/^\S+\{certificate="console"\} (\S+)$/m.exec(text)?.[1]);
  };
  try {
    const before = await shownEnd(port);
    expect(await saidEnd()).toBe(before);
    makeCertificate(folder, 30);
    await use();
    await until('the renewed certificate to be told', async () => {
      await clock.advance(60_000);
      return (await saidEnd()) !== before;
    });
    expect(await saidEnd()).toBeGreaterThan(before + 27 * 86_400);
    expect(await saidEnd()).toBe(await shownEnd(port));
  } finally {
    stop.abort();
    await following;
    server.close();
    await rm(folder, { recursive: true });
  }
});
