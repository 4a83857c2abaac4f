/** What every kind of channel promises. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelType } from '../../../config/site_alerts.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { Incident } from '../../../runtime/messages/types.ts';
import { sampleIncident } from '../../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../../runtime/time.ts';
import { until } from '../../../test/wait.ts';
import { compose } from '../compose.ts';
import { messageBody } from '../message.ts';
import type { Outcome } from '../post.ts';
import { CHANNEL_TYPES, makeAdapter } from './registry.ts';
import { RECEIVERS, type Receiver, SECRET, SECRET_NAME } from './testing.ts';
import type { Sending } from './types.ts';

/** Open now: an alert that began long ago fires nowhere. */
function incident(over: Partial<Incident> = {}): Incident {
  return sampleIncident({ openedAt: toTimestamp(Date.now()), ...over });
}

function sending(incidents: readonly Incident[], over: Partial<Sending> = {}): Sending {
  const bodies = incidents.map((one) => messageBody(one, '1.2.3'));
  return { ...compose(bodies, { version: '1.2.3', template: null, consoleUrl: 'https://yard.example' }), ...over };
}

describe.each(CHANNEL_TYPES)('%s', (type: ChannelType) => {
  let receiver: Receiver;
  let secret: string | undefined;
  let count = 0;
  const id = () => `${type}-${count}`;

  async function deliver(what: Sending, timeoutMs = 10_000, signal = new AbortController().signal): Promise<Outcome> {
    const adapter = await makeAdapter(receiver.config());
    return adapter.deliver(what, { clock: systemClock, timeoutMs, signal });
  }
  const takenOf = async (key: string) => (await receiver.taken()).filter(({ keys }) => keys.includes(key));
  const untilTakenOf = (key: string) =>
    until(key, async () => {
      const taken = await takenOf(key);
      return taken.length > 0 && taken;
    });

  beforeAll(async () => {
    process.env[SECRET_NAME] = SECRET;
    receiver = await RECEIVERS[type]();
    await receiver.start();
    secret = process.env[SECRET_NAME];
  }, 60_000);
  afterAll(async () => {
    delete process.env[SECRET_NAME];
    await receiver.remove();
  }, 60_000);
  beforeEach(() => {
    count += 1;
    process.env[SECRET_NAME] = secret;
  });

  it('brings a message with its key and what happened', async () => {
    expect(await deliver(sending([incident({ id: id() })]))).toEqual({ kind: 'delivered' });
    const [taken, ...more] = await untilTakenOf(`${id()}/1`);
    expect(more).toEqual([]);
    expect(taken?.text).toContain('person-on-road opened: camera gate, road');
  });

  it('brings several as one, with all their keys', async () => {
    const three = ['a', 'b', 'c'].map((part) => incident({ id: `${id()}${part}`, camera: `gate-${part}` }));
    expect(await deliver(sending(three))).toEqual({ kind: 'delivered' });
    const [taken] = await untilTakenOf(`${id()}a/1`);
    expect(taken?.keys).toEqual(expect.arrayContaining(three.map((one) => `${one.id}/1`)));
  });

  it('keeps within what a receiver takes, however many there are', async () => {
    const many = Array.from({ length: 100 }, (_, n) => incident({ id: `${id()}-${n}-${'x'.repeat(40)}` }));
    expect(await deliver(sending(many))).toEqual({ kind: 'delivered' });
  });

  it('says that nobody is there, and brings it when somebody is', async () => {
    await receiver.stop();
    const what = sending([incident({ id: id() })]);
    expect(await deliver(what)).toMatchObject({ kind: 'failed', reason: 'unreachable' });
    await receiver.start();
    expect(await deliver(what)).toEqual({ kind: 'delivered' });
    expect(await untilTakenOf(`${id()}/1`)).toHaveLength(1);
  }, 60_000);

  it('gives up one that hangs in its time, and at once when told to', async () => {
    receiver.hang(true);
    try {
      const what = sending([incident({ id: id() })]);
      expect(await deliver(what, 300)).toMatchObject({ kind: 'failed', reason: 'timeout' });
      const stop = new AbortController();
      const outcome = deliver(what, 60_000, stop.signal);
      stop.abort();
      expect(await outcome).toEqual({ kind: 'abandoned' });
    } finally {
      receiver.hang(false);
    }
  });

  // The others' protocols have no such answer.
  const refuses = type !== 'mqtt' && type !== 'alertmanager';
  it.each(refuses ? [type] : [])('tells a message that %s does not want from one that fails', async () => {
    if (!receiver.refuse) throw new Error('it cannot refuse');
    receiver.refuse(true);
    try {
      expect(await deliver(sending([incident({ id: id() })]))).toMatchObject({ kind: 'refused' });
    } finally {
      receiver.refuse(false);
    }
  });

  it('sends nothing while a secret is missing, and lets none out', async () => {
    delete process.env[SECRET_NAME];
    const what = sending([incident({ id: id() })]);
    const outcome = await deliver(what);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'secret' });
    expect(JSON.stringify(outcome)).toContain(SECRET_NAME);
    expect(await takenOf(`${id()}/1`)).toEqual([]);
    process.env[SECRET_NAME] = `${secret}-wrong`;
    expect(JSON.stringify(await deliver(what))).not.toContain(SECRET);
  });
});
