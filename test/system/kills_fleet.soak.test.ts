import { KafkaServer } from '../services/kafka.ts';
import { RedisServer } from '../services/redis.ts';
import { S3Server } from '../services/s3.ts';
import { describeKills } from './kills.ts';
import { onKafka } from './on_kafka.ts';
import { banksman } from './up.ts';

const kafka = new KafkaServer();
const redis = new RedisServer();
let s3: S3Server;
const cluster = () => onKafka(kafka, { framesMb: 500 });

describeKills('Kafka, Redis and S3, killed with all that stands on them thirty times in ten minutes', {
  kills: 30,
  stayMs: 600_000,
  services: [
    { name: 'kafka', kill: () => kafka.kill(), start: () => kafka.start() },
    { name: 'redis', kill: () => redis.kill(), start: () => redis.start() },
    { name: 's3', kill: () => s3.kill(), start: () => s3.restart() },
  ],
  async start() {
    [s3] = await Promise.all([S3Server.start(), kafka.start(), redis.start()]);
    return {
      bus: cluster().bus,
      state: { store: 'redis', redis: { url: redis.url } },
      evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint } },
    };
  },
  async stop() {
    await Promise.all([kafka[Symbol.asyncDispose](), redis.stop(), s3?.stop()]);
  },
  async prepare(configPath) {
    const { code, stderr } = await banksman(['topics', 'apply', '--yes', '-c', configPath]);
    if (code !== 0) throw new Error(`topics apply: ${stderr}`);
  },
  bus: () => cluster().address,
  evidenceDir: () => s3.folderOf('evidence'),
  keepsFrames: true,
});
