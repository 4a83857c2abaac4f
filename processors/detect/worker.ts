/**
 * The thread of one detector. `run` of onnxruntime blocks it, and only it. Decoding of the next frame
 * goes on meanwhile on libuv's threads: it starts when the message arrives, looks happen in order.
 */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import { Detector } from './look.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

// Pictures never repeat, and one core a picture is what was asked for.
sharp.cache(false);
sharp.concurrency(1);

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');

const detectors = new Map<string, Detector>();
let looks: Promise<void> = Promise.resolve();

const say = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

/** Whatever is not foreseen ends the thread: the pool replaces it. */
const crash = (error: unknown): void => {
  queueMicrotask(() => {
    throw asError(error);
  });
};

async function load({ model: { manifest, path } }: Extract<ToWorker, { type: 'load' }>): Promise<void> {
  try {
    const detector = await Detector.open(manifest, path);
    detectors.set(manifest.id, detector);
    say({ type: 'loaded', model: manifest.id, sha256: detector.sha256 });
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    const { code, message, where } = error;
    say({ type: 'refused', model: manifest.id, code, message, where });
  }
}

function look(request: Extract<ToWorker, { type: 'look' }>): Promise<void> {
  const { job, model } = request;
  const detector = detectors.get(model);
  if (!detector) throw new Error(`model ${model} is not loaded`);
  const decoding = Promise.all(request.pictures.map((jpeg) => detector.decode(jpeg)));
  // Awaited only when its turn comes.
  decoding.catch(() => undefined);
  looks = looks.then(async () => {
    try {
      const result = await detector.look(await decoding, request);
      say({ type: 'looked', job, ...result }, [result.boxes.buffer]);
    } catch (error) {
      if (!(error instanceof BanksmanError && error.code === 'FRAME_UNREADABLE')) throw error;
      say({ type: 'unreadable', job, message: error.message });
    }
  });
  return looks;
}

port.on('message', (message: ToWorker) => {
  // Only this thread. Nothing native runs in it at this moment.
  if (message.type === 'end') process.exit();
  const work = message.type === 'load' ? load(message) : look(message);
  work.catch(crash);
});
