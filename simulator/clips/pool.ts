import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BanksmanError } from '../../runtime/errors.ts';
import { isRendered, type PartJob } from './part.ts';
import type { ClipSpec } from './types.ts';
import type { FromWorker, ToWorker } from './worker.ts';

const WORKER = join(import.meta.dirname, 'worker.ts');

export interface PoolOptions {
  /** Processes at once. */
  workers: number;
  makers: string;
  signal?: AbortSignal;
  onFrames?: (job: PartJob, count: number) => void;
  onPart?: (job: PartJob) => Promise<void>;
}

/**
 * Renders parts in parallel processes. A process stays with a camera while that one has parts left, because
 * beginning another means drawing its scene anew.
 * @throws the first failure, or the reason of `signal`; no process is left then.
 */
export async function renderParts(jobs: readonly PartJob[], options: PoolOptions): Promise<void> {
  const left = [...jobs];
  const failed = new AbortController();
  const ends = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const busy = new Set<ClipSpec>();
  const take = (last: PartJob | null): PartJob | undefined => {
    if (last) busy.delete(last.spec);
    const choices = [({ spec }: PartJob) => spec === last?.spec, ({ spec }: PartJob) => !busy.has(spec), () => true];
    const at = choices.map((choice) => left.findIndex(choice)).find((index) => index >= 0);
    const job = at === undefined ? undefined : left.splice(at, 1)[0];
    if (job) busy.add(job.spec);
    return job;
  };
  const worker = async (): Promise<void> => {
    const child = fork(WORKER, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      for (let job = take(null); job; job = take(job)) {
        // Another process that renders the same clip may have been here before.
        if (isRendered(job)) options.onFrames?.(job, job.to - job.from);
        else await run(child, job, options, ends);
        await options.onPart?.(job);
      }
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      await end(child);
    }
  };
  const count = Math.min(options.workers, jobs.length);
  const outcomes = await Promise.allSettled(Array.from({ length: count }, worker));
  ends.throwIfAborted();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function run(child: ChildProcess, job: PartJob, { makers, onFrames }: PoolOptions, ends: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      child.off('message', hear);
      child.off('exit', gone);
      ends.removeEventListener('abort', aborted);
      if (error === undefined) resolve();
      else reject(error);
    };
    const hear = (message: FromWorker): void => {
      if (message.type === 'frames') onFrames?.(job, message.count);
      else if (message.type === 'done') settle();
      else {
        const { code = 'SIMULATOR_FAILED', where = job.spec.camera.id, mend, message: text, stack } = message;
        const shown = stack ? new Error(stack) : undefined;
        settle(
          new BanksmanError(code, {
            where,
            message: text,
            ...(mend ? { mend } : {}),
            ...(shown ? { cause: shown } : {}),
          }),
        );
      }
    };
    const gone = (): void =>
      settle(
        new BanksmanError('SIMULATOR_FAILED', { where: job.spec.camera.id, message: 'the renderer ended by itself' }),
      );
    const aborted = (): void => settle(ends.reason);
    child.on('message', hear);
    child.once('exit', gone);
    ends.addEventListener('abort', aborted);
    if (ends.aborted) return aborted();
    const order: ToWorker = { job, makers };
    child.send(order, (error) => error && gone());
  });
}

const END_LIMIT_MS = 3_000;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS);
  await exit;
  clearTimeout(timer);
}
