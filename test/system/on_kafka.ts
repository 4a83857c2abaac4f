import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { KafkaSettings } from '../../runtime/bus/kafka/settings.ts';
import type { BusAddress } from '../../runtime/bus/open.ts';
import type { KafkaServer } from '../services/kafka.ts';
import { banksman, type SiteObject } from './up.ts';

export interface ClusterOptions {
  partitions?: number;
  /** Of who looks at it. */
  client?: KafkaSettings['client'];
  framesMb?: number;
}

/** A site on a cluster, for who runs it and for who looks at it. @param kafka a started server */
export function onKafka(kafka: KafkaServer, options: ClusterOptions = {}) {
  const { partitions = 4, client = 'platformatic', framesMb = 200 } = options;
  const topics = { partitions, replication: 1, frames_max_age_s: 600 };
  const address: BusAddress = {
    type: 'kafka',
    kafka: {
      brokers: [kafka.address],
      client,
      prefix: 'banksman.',
      tls: null,
      sasl: null,
      topics: { ...topics, frames_max_bytes: framesMb * 1e6 },
    },
  };
  return {
    address,
    /** Of the site file. */
    bus: {
      type: 'kafka',
      kafka: { brokers: [kafka.address], topics: { ...topics, frames_max_bytes: `${framesMb}MB` } },
    },
    /** As an operator does, before anything runs. */
    makeTopics: async (dir: string, site: SiteObject): Promise<void> => {
      const file = `${dir}/site.yaml`;
      await writeFile(file, stringify({ site: 'test', ...site }));
      const { code, stderr } = await banksman(['topics', 'apply', '--yes', '-c', file]);
      if (code !== 0) throw new Error(`topics apply: ${stderr}`);
    },
  };
}
