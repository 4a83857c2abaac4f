import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `./setup --test` puts what no system package brings. */
const CACHE = fileURLToPath(new URL('../../.cache/services', import.meta.url));
const MIN_JAVA = 17;

export interface Program {
  /** Absolute path of what to start. */
  program: string;
}

export interface KafkaProgram extends Program {
  /** For `java -cp`: the broker's jars. */
  classpath: string;
  /** Main class that formats a log directory: `format -t UUID -c server.properties`. */
  storageTool: string;
  /** Main class of the broker: `server.properties`. */
  broker: string;
}

/** @throws Error that names `./setup --test` when redis-server is not on this machine. */
export function findRedis(): Program {
  return { program: onPath('redis-server') ?? missing('redis-server') };
}

/** The S3 server that tests use. @throws Error that names `./setup --test`. */
export function findVersityGw(cache = CACHE, path = process.env['PATH']): Program {
  const own = join(cache, 'bin', 'versitygw');
  return { program: existsSync(own) ? own : (onPath('versitygw', path) ?? missing('the S3 server versitygw')) };
}

/** Java and the broker's jars. @throws Error that names `./setup --test`. */
export function findKafka(cache = CACHE): KafkaProgram {
  const libs = join(cache, 'kafka', 'libs');
  if (!existsSync(libs) || !readdirSync(libs).some((jar) => jar.startsWith('kafka_'))) missing('Kafka');
  return {
    program: findJava() ?? missing(`Java ${MIN_JAVA} or newer`),
    classpath: join(libs, '*'),
    storageTool: 'kafka.tools.StorageTool',
    broker: 'kafka.Kafka',
  };
}

/** Java of JAVA_HOME, else of PATH; a known version that is too old is passed over, an unknown one is believed. */
function findJava(): string | undefined {
  const home = process.env['JAVA_HOME'];
  const candidates = [home ? join(home, 'bin', 'java') : undefined, onPath('java')];
  return candidates.find((java) => java !== undefined && isExecutable(java) && javaMajor(java) >= MIN_JAVA);
}

/** From the file `release` that every JDK and JRE has: starting a JVM to ask takes half a second. */
function javaMajor(java: string): number {
  try {
    const release = readFileSync(join(dirname(realpathSync(java)), '..', 'release'), 'utf8');
    return Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function onPath(program: string, path = process.env['PATH']): string | undefined {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(what: string): never {
  throw new Error(`${what} is not on this machine: run ./setup --test`);
}
