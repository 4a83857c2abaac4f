import { describe, expect, it } from 'vitest';
import type { BusFixture } from './compliance.ts';
import { eventually, keysOf, sendAll, text } from './compliance_support.ts';
import type { Bus, Delivery, Producer, TopicPartition } from './types.ts';

interface Context {
  fixture: BusFixture;
  bus: Bus;
  producer: Producer;
}

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i));
const ids = (partitions: readonly TopicPartition[]): string[] =>
  partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort();

/** The part of the suite that is about groups. */
export function groupCompliance(context: () => Context): void {
  const lagOf = async (bus: Bus, group: string): Promise<number> => {
    const lags = await bus.lag();
    return lags.filter((each) => each.group === group).reduce((sum, { lag }) => sum + lag, 0);
  };

  describe('groups', () => {
    it('delivers everything to each group, in order within a partition', async () => {
      const { bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(100));
      const seen: Record<string, string[]> = { one: [], two: [] };
      const consumers = ['one', 'two'].map((group) =>
        bus.consumer(group, ['tracks.v1'], (delivery) => {
          seen[group]?.push(text(delivery));
          delivery.ack();
        }),
      );
      for (const consumer of consumers) await consumer.start();
      await sendAll(producer, 'tracks.v1', numbers(100, 100));
      await eventually(() => expect(seen).toEqual({ one: numbers(200), two: numbers(200) }));
      for (const consumer of consumers) await consumer.stop();
    });

    it('waits for the handler before the next message of the partition', async () => {
      const { bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(20));
      let running = 0;
      let most = 0;
      const seen: string[] = [];
      const consumer = bus.consumer('g', ['tracks.v1'], async (delivery) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running -= 1;
        seen.push(text(delivery));
        delivery.ack();
      });
      await consumer.start();
      await eventually(() => expect(seen).toEqual(numbers(20)));
      expect(most).toBe(1);
      await consumer.stop();
    });

    it('moves its offset past the highest message up to which all were acknowledged', async () => {
      const { bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(5));
      const deliveries: Delivery[] = [];
      const consumer = bus.consumer('g', ['tracks.v1'], (delivery) => {
        deliveries.push(delivery);
      });
      await consumer.start();
      await eventually(() => expect(deliveries).toHaveLength(5));
      const ack = (...which: number[]): void => {
        for (const i of which) deliveries[i]?.ack();
      };
      ack(4, 1, 0, 0);
      await eventually(async () => expect(await lagOf(bus, 'g')).toBe(3));
      ack(3);
      await consumer.stop();
      expect(await lagOf(bus, 'g')).toBe(3);

      const again: string[] = [];
      const next = bus.consumer('g', ['tracks.v1'], (delivery) => {
        again.push(text(delivery));
        delivery.ack();
      });
      await next.start();
      await eventually(() => expect(again).toEqual(['2', '3', '4']));
      await next.stop();
      expect(await lagOf(bus, 'g')).toBe(0);
    });

    it('begins where it is told when nothing was committed, and never later than its first member did', async () => {
      const { fixture, bus, producer } = context();
      await sendAll(producer, 'tracks.v1', ['before']);
      const first = await fixture.connect('dies');
      const seen: string[] = [];
      const deaf = first.consumer('g', ['tracks.v1'], () => {}, { from: 'latest', onError: () => {} });
      await deaf.start();
      await sendAll(producer, 'tracks.v1', ['after']);
      await fixture.crash(first);
      await sendAll(producer, 'tracks.v1', ['later']);
      const consumer = bus.consumer('g', ['tracks.v1'], (delivery) => void seen.push(text(delivery)), {
        from: 'latest',
      });
      await consumer.start();
      await eventually(() => expect(seen).toEqual(['after', 'later']));
      await consumer.stop();
    });

    it('delivers again what a member had not acknowledged when it died', async () => {
      const { fixture, bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(10));
      const other = await fixture.connect('dies');
      const first: string[] = [];
      const dying = other.consumer(
        'g',
        ['tracks.v1'],
        (delivery) => {
          first.push(text(delivery));
          if (Number(text(delivery)) < 4) delivery.ack();
        },
        { onError: () => {} },
      );
      await dying.start();
      await eventually(async () => {
        expect(new Set(first).size).toBe(10);
        expect(await lagOf(bus, 'g')).toBe(6);
      });
      const second: string[] = [];
      const heir = bus.consumer('g', ['tracks.v1'], (delivery) => {
        second.push(text(delivery));
        delivery.ack();
      });
      await fixture.crash(other);
      await heir.start();
      await eventually(() => expect(second).toEqual(numbers(6, 4)));
      await heir.stop();
    });

    it('hands partitions to a member that waits as soon as their owner dies', async () => {
      const { fixture, bus, producer } = context();
      const other = await fixture.connect('dies');
      const owner = other.consumer('g', ['tracks.v1'], () => {}, { onError: () => {} });
      await owner.start();
      const assigned: TopicPartition[] = [];
      const heir = bus.consumer('g', ['tracks.v1'], (delivery) => delivery.ack(), {
        onAssigned: (partitions) => void assigned.push(...partitions),
      });
      await heir.start();
      expect(assigned).toHaveLength(2);
      await fixture.crash(other);
      await eventually(() => expect(assigned).toHaveLength(4), fixture.failoverMs);
      await sendAll(producer, 'tracks.v1', numbers(10), keysOf('tracks.v1', 0, 1)[0]);
      await sendAll(producer, 'tracks.v1', numbers(10), keysOf('tracks.v1', 3, 1)[0]);
      await eventually(async () => expect(await lagOf(bus, 'g')).toBe(0));
      await heir.stop();
    });

    it('shares co-partitioned topics alike, and revokes before it assigns', async () => {
      const { fixture, bus, producer } = context();
      const topics = ['detections.v1', 'observations.v1'];
      const log: string[] = [];
      const owners: Record<string, string> = {};
      const seen: Record<string, string[]> = {};
      const member = (at: Bus, name: string) =>
        at.consumer(
          'g',
          topics,
          (delivery) => {
            const id = `${delivery.topic}/${delivery.partition}`;
            if (owners[id] !== name) log.push(`${name} got ${id} of ${owners[id]}`);
            seen[id] = [...(seen[id] ?? []), text(delivery)];
            delivery.ack();
          },
          {
            onAssigned: (partitions) => {
              for (const id of ids(partitions)) {
                if (owners[id] !== undefined) log.push(`${name} assigned ${id} of ${owners[id]}`);
                owners[id] = name;
              }
            },
            onRevoked: async (partitions) => {
              // What is awaited here must be over before the other one begins.
              await new Promise((resolve) => setTimeout(resolve, 50));
              for (const id of ids(partitions)) delete owners[id];
            },
          },
        );
      const keys = [0, 1, 2, 3].map((partition) => keysOf('detections.v1', partition, 1)[0] ?? '');
      const send = async (values: string[]): Promise<void> => {
        for (const topic of topics) for (const key of keys) await sendAll(producer, topic, values, key);
      };
      const first = member(bus, 'first');
      await first.start();
      expect(Object.values(owners)).toEqual(Array(8).fill('first'));
      await send(numbers(20));

      const other = await fixture.connect();
      const second = member(other, 'second');
      const [, sending] = [await second.start(), send(numbers(20, 20))];
      await eventually(() => expect(Object.keys(owners)).toHaveLength(8));
      expect(Object.values(owners).filter((owner) => owner === 'second')).toHaveLength(4);
      for (let p = 0; p < 4; p++) expect(owners[`detections.v1/${p}`]).toBe(owners[`observations.v1/${p}`]);
      await sending;

      await first.stop();
      await send(numbers(20, 40));
      await eventually(() => {
        expect(Object.values(owners)).toEqual(Array(8).fill('second'));
        expect(Object.values(seen)).toEqual(Array(8).fill(numbers(60)));
      });
      expect(log).toEqual([]);
      await second.stop();
      await other.close();
    });

    it('commits what is acknowledged while partitions are revoked', async () => {
      const { fixture, bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(10));
      const held: Delivery[] = [];
      const first = bus.consumer('g', ['tracks.v1'], (delivery) => void held.push(delivery), {
        onRevoked: () => {
          for (const delivery of held.splice(0)) delivery.ack();
        },
      });
      await first.start();
      await eventually(() => expect(held).toHaveLength(10));
      await first.stop();
      expect(await lagOf(bus, 'g')).toBe(0);

      const second = bus.consumer('g', ['tracks.v1'], (delivery) => void held.push(delivery), {
        onRevoked: () => {
          for (const delivery of held.splice(0)) delivery.ack();
        },
      });
      await second.start();
      await sendAll(producer, 'tracks.v1', numbers(10), keysOf('tracks.v1', 3, 1)[0]);
      await sendAll(producer, 'tracks.v1', numbers(10), keysOf('tracks.v1', 0, 1)[0]);
      await eventually(() => expect(held).toHaveLength(20));
      const other = await fixture.connect();
      const again: string[] = [];
      const third = other.consumer('g', ['tracks.v1'], (delivery) => void again.push(text(delivery)));
      await third.start();
      await second.stop();
      await sendAll(producer, 'tracks.v1', ['new'], keysOf('tracks.v1', 0, 1)[0]);
      await sendAll(producer, 'tracks.v1', ['new'], keysOf('tracks.v1', 3, 1)[0]);
      await eventually(() => expect(again).toEqual(['new', 'new']));
      await third.stop();
      await other.close();
    });

    it('sends no more than may be in flight, until something is acknowledged', async () => {
      const { bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(30));
      const deliveries: Delivery[] = [];
      const consumer = bus.consumer('g', ['tracks.v1'], (delivery) => void deliveries.push(delivery), {
        maxInFlight: 3,
      });
      await consumer.start();
      for (let given = 3; given <= 30; given += 3) {
        await eventually(() => expect(deliveries).toHaveLength(given));
        // Time for one too many to show itself.
        await new Promise((resolve) => setTimeout(resolve, 10));
        expect(deliveries).toHaveLength(given);
        for (const delivery of deliveries.slice(-3)) delivery.ack();
      }
      await consumer.stop();
      expect(await lagOf(bus, 'g')).toBe(0);
    });

    it('pauses and resumes', async () => {
      const { bus, producer } = context();
      const seen: string[] = [];
      const consumer = bus.consumer('g', ['tracks.v1'], (delivery) => {
        seen.push(text(delivery));
        delivery.ack();
      });
      await consumer.start();
      await sendAll(producer, 'tracks.v1', ['a']);
      await eventually(() => expect(seen).toEqual(['a']));
      consumer.pause();
      await sendAll(producer, 'tracks.v1', ['b', 'c']);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(seen).toEqual(['a']);
      consumer.resume();
      await eventually(() => expect(seen).toEqual(['a', 'b', 'c']));
      await consumer.stop();
    });

    it.each(['rejects', 'throws'])('never marks past a message whose handler %s', async (how) => {
      const { bus, producer } = context();
      await sendAll(producer, 'tracks.v1', numbers(6));
      const seen: string[] = [];
      const errors: Error[] = [];
      const failing = bus.consumer(
        'g',
        ['tracks.v1'],
        (delivery) => {
          seen.push(text(delivery));
          if (text(delivery) === '3') {
            if (how === 'throws') throw new Error('poison');
            return Promise.reject(new Error('poison'));
          }
          delivery.ack();
        },
        { onError: (error) => errors.push(error) },
      );
      await failing.start();
      await eventually(() => expect(errors.map((error) => error.message)).toEqual(['poison']));
      expect(seen).toEqual(numbers(4));
      await eventually(async () => expect(await lagOf(bus, 'g')).toBe(3));
      await failing.stop();

      const again: string[] = [];
      const next = bus.consumer('g', ['tracks.v1'], (delivery) => void again.push(text(delivery)));
      await next.start();
      await eventually(() => expect(again).toEqual(['3', '4', '5']));
      await next.stop();
    });

    it('tells how far behind a group is', async () => {
      const { bus, producer } = context();
      const deliveries: Delivery[] = [];
      const consumer = bus.consumer('g', ['tracks.v1', 'evidence.v1'], (delivery) => void deliveries.push(delivery));
      await consumer.start();
      await sendAll(producer, 'tracks.v1', numbers(7));
      await sendAll(producer, 'evidence.v1', numbers(2));
      const sum = async (topic: string): Promise<number> =>
        (await consumer.lag()).filter((each) => each.topic === topic).reduce((all, { lag }) => all + lag, 0);
      expect([await sum('tracks.v1'), await sum('evidence.v1')]).toEqual([7, 2]);
      await eventually(() => expect(deliveries).toHaveLength(9));
      for (const delivery of deliveries) delivery.ack();
      await eventually(async () => expect([await sum('tracks.v1'), await sum('evidence.v1')]).toEqual([0, 0]));
      for (const { committed, end, lag } of await consumer.lag()) expect(end - committed).toBe(lag);
      await consumer.stop();
    });
  });
}
