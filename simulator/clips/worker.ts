/** A process that draws and encodes parts of clips, one after the other, until its parent goes away. */
import { asError, BanksmanError } from '../../runtime/errors.ts';
import { Encoder } from './encoder.ts';
import { type PartJob, renderPart } from './part.ts';
import type { FrameMaker, FrameMakerModule } from './types.ts';

export interface ToWorker {
  job: PartJob;
  /** URL of a FrameMakerModule. */
  makers: string;
}

export type FromWorker =
  | { type: 'frames'; count: number }
  | { type: 'done' }
  | { type: 'failed'; message: string; code?: BanksmanError['code']; where?: string; mend?: string; stack?: string };

const encoder = new Encoder();
let kept: { key: string; maker: FrameMaker } | null = null;

async function obey({ job, makers }: ToWorker): Promise<void> {
  const key = JSON.stringify(job.spec);
  if (kept?.key !== key) {
    const module: FrameMakerModule = await import(makers);
    kept = { key, maker: module.makeFrames(job.spec) };
  }
  await renderPart(job, kept.maker, encoder, (count) => say({ type: 'frames', count }));
}

function say(message: FromWorker): void {
  // A parent that has gone is noticed by itself.
  process.send?.(message, undefined, undefined, () => undefined);
}

process.on('message', (message: ToWorker) => {
  obey(message).then(
    () => say({ type: 'done' }),
    (thrown: unknown) => {
      const error = asError(thrown);
      if (!(error instanceof BanksmanError)) {
        const noRoom = (error as NodeJS.ErrnoException).code === 'ENOSPC';
        return say({
          type: 'failed',
          message: error.message,
          ...(noRoom ? { code: 'STORE_FULL' as const } : { stack: error.stack ?? '' }),
        });
      }
      const { code, where, mend, message } = error;
      say({ type: 'failed', code, message, mend, ...(where === undefined ? {} : { where }) });
    },
  );
});
process.on('disconnect', () => {
  void encoder.stop().finally(() => process.exit(0));
});
// Ctrl-C reaches the whole group of processes; the parent decides.
process.on('SIGINT', () => undefined);
