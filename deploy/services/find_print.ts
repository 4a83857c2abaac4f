/** What `find.ts` finds, as shell lines for `up`; or why not, for people. */
import { findKafka, findRedis, findVersityGw } from './find.ts';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

try {
  const kafka = findKafka();
  const found = {
    REDIS_SERVER: findRedis().program,
    VERSITYGW: findVersityGw().program,
    JAVA: kafka.program,
    KAFKA_CLASSPATH: kafka.classpath,
    KAFKA_STORAGE_TOOL: kafka.storageTool,
    KAFKA_BROKER: kafka.broker,
  };
  for (const [name, value] of Object.entries(found)) console.log(`${name}=${quote(value)}`);
} catch (error) {
  console.error(`services: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
