/** `banksman evidence …`: what concerns the store of evidence and no running site. */
import { randomUUID } from 'node:crypto';
import type { SiteConfig } from '../config/site.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { keySegment } from '../runtime/stores/objects/keys.ts';
import type { ObjectsOptions } from '../runtime/stores/objects/open.ts';
import type { ObjectStore } from '../runtime/stores/objects/types.ts';
import { sha256Hex } from '../runtime/stores/sha256.ts';
import { loadOrThrow } from './role.ts';

type S3Section = NonNullable<ObjectsOptions['s3']>;

async function siteOnS3(path: string): Promise<{ config: SiteConfig; s3: S3Section }> {
  const { config } = await loadOrThrow(path);
  const { s3 } = config.evidence;
  if (s3) return { config, s3 };
  throw new BanksmanError('USAGE', {
    where: path,
    message: 'evidence.store is local: there is no bucket',
    mend: 'Set evidence.store: s3 and evidence.s3.bucket.',
  });
}

/** Does with the bucket whatever the sink and the console do. @returns 0, or throws what is wrong. */
export async function check(options: { config: string }): Promise<number> {
  const { config, s3 } = await siteOnS3(options.config);
  const { S3ObjectStore } = await import('../runtime/stores/objects/s3.ts');
  const store = new S3ObjectStore(s3);
  try {
    await tryOut(store, `${keySegment(config.site)}/check/${randomUUID()}.json`, (line) =>
      process.stdout.write(`ok  ${line}\n`),
    );
  } finally {
    await store.close();
  }
  return 0;
}

/** @throws BanksmanError STORE_… */
export async function tryOut(store: ObjectStore, key: string, say: (line: string) => void): Promise<void> {
  const put = (text: string) => {
    const bytes = Buffer.from(text);
    return store.put(key, bytes, { contentType: 'application/json', sha256: sha256Hex(bytes), ifAbsent: true });
  };
  await store.start();
  say('the bucket is there and can be listed');
  await put('1');
  say('objects can be written, with the encryption, lock and tags configured');
  if ((await put('2')) !== 'conflict') {
    throw new BanksmanError('STORE_FAILED', {
      where: key,
      message: 'the store ignores conditions (If-None-Match): a retry could overwrite what somebody else wrote',
      mend: 'Use a store, or a version of it, that knows conditional writes.',
    });
  }
  say('what is there is not overwritten by a retry');
  if ((await store.get(key))?.toString() !== '1') {
    throw new BanksmanError('STORE_FAILED', { where: key, message: 'what was written cannot be read again' });
  }
  say('objects can be read');
  await store.delete(key);
  say('objects can be removed');
}

/** Prints the lifecycle rules of the site's bucket, or sets them. */
export async function lifecycle(options: { config: string; apply?: boolean; expire?: boolean }): Promise<number> {
  const { config, s3 } = await siteOnS3(options.config);
  const { applyRules, lifecycleRules } = await import('../runtime/stores/objects/s3_lifecycle.ts');
  const { site, evidence } = config;
  const prefix = `${s3.prefix}${keySegment(site)}/`;
  const expireDays = options.expire === true ? evidence.retention.records_days : null;
  const rules = lifecycleRules({ site, prefix, expireDays });
  if (options.apply !== true) {
    process.stdout.write(`${JSON.stringify({ Rules: rules }, null, 2)}\n`);
    return 0;
  }
  const { connectS3 } = await import('../runtime/stores/objects/s3.ts');
  const { nameOf, toStoreError } = await import('../runtime/stores/objects/s3_errors.ts');
  const client = connectS3(s3);
  try {
    const all = await applyRules(client, s3.bucket, rules, site);
    const names = rules.map(({ ID }) => ID).join(', ');
    process.stdout.write(`s3://${s3.bucket} has ${all.length} rules now; of this site: ${names}\n`);
    return 0;
  } catch (error) {
    if (nameOf(error) !== 'NotImplemented') throw toStoreError(error, `s3://${s3.bucket}`);
    throw new BanksmanError('STORE_FAILED', {
      where: `s3://${s3.bucket}`,
      message: 'this store knows no lifecycle rules',
      mend: 'Retention works without them; clear unfinished uploads by the means of the store.',
    });
  } finally {
    client.destroy();
  }
}
