import { createInterface } from 'node:readline/promises';
import { kafkaOptions } from '../runtime/bus/kafka/settings.ts';
import { describeStep, TopicAdmin, type TopicStep, wantedTopics } from '../runtime/bus/kafka/topics.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { loadOrThrow } from './role.ts';

export interface TopicsOptions {
  config: string;
  json?: boolean;
  yes?: boolean;
}

interface Found {
  steps: TopicStep[];
  admin: TopicAdmin;
}

/** What `apply` would do. @returns 0, also when there is something to do */
export async function plan(options: TopicsOptions): Promise<number> {
  const { steps, admin } = await find(options);
  await admin.close();
  if (options.json) write(JSON.stringify(steps));
  else tell(steps, 'the cluster has every topic as it should be');
  return 0;
}

/** Makes and changes topics. @returns 1 where something is left that only an operator can mend */
export async function apply(options: TopicsOptions): Promise<number> {
  const { steps, admin } = await find(options);
  try {
    tell(steps, 'nothing to do: the cluster has every topic as it should be');
    const doable = steps.filter(({ kind }) => kind !== 'refuse');
    if (doable.length > 0) {
      if (!options.yes && !(await confirmed(doable.length))) return 1;
      await admin.apply(doable);
      write(`done: ${doable.length} ${doable.length === 1 ? 'step' : 'steps'}`);
    }
    return steps.length > doable.length ? 1 : 0;
  } finally {
    await admin.close();
  }
}

/** For programs and probes: whether a fleet can run on the cluster as it is. @returns 1 when it cannot */
export async function check(options: TopicsOptions): Promise<number> {
  const { steps, admin } = await find(options);
  const groups = await admin.sessionLimits().finally(() => admin.close());
  if (options.json) write(JSON.stringify({ steps, groups }));
  else {
    tell(steps, 'every topic is as it should be');
    write(groups.why);
    for (const refusal of groups.refusals) write(`! ${refusal}`);
    if (steps.some(({ kind }) => kind !== 'refuse')) write('Run: banksman topics apply -c SITE.yaml');
  }
  return steps.length + groups.refusals.length > 0 ? 1 : 0;
}

async function find({ config: path }: TopicsOptions): Promise<Found> {
  const { config } = await loadOrThrow(path);
  const { kafka } = config.bus;
  if (!kafka) {
    throw new BanksmanError('USAGE', {
      where: path,
      message: 'the bus of this site file is local and has its topics by itself',
      mend: 'Set bus: { type: kafka, kafka: { brokers: [HOST:9092] } } for a fleet.',
    });
  }
  const { partitions, replication, frames_max_age_s, frames_max_bytes } = kafka.topics;
  const wishes = { partitions, replication, framesMs: frames_max_age_s * 1000, framesBytes: frames_max_bytes };
  const admin = new TopicAdmin(kafkaOptions(kafka, 'banksman-topics'));
  try {
    return { steps: await admin.plan(wantedTopics(kafka.prefix, wishes)), admin };
  } catch (error) {
    await admin.close();
    throw error;
  }
}

async function confirmed(count: number): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    throw new BanksmanError('USAGE', {
      message: `${count} changes were not made: nobody is there to confirm them`,
      mend: 'Add --yes.',
    });
  }
  const ask = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await ask.question('Make these changes? [y/N] ')).trim());
  } finally {
    ask.close();
  }
}

function tell(steps: readonly TopicStep[], nothing: string): void {
  if (steps.length === 0) write(nothing);
  for (const step of steps) write(`${step.kind === 'refuse' ? '!' : '+'} ${describeStep(step)}`);
  // Topics that are refused for one reason are mended together.
  const mends = new Set(steps.flatMap((step) => (step.kind === 'refuse' ? [step.mend] : [])));
  for (const mend of mends) write(mend);
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
