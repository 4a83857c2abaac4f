/** Lifecycle rules of a bucket: what the store itself clears away, beside what retention removes. */
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { nameOf } from './s3_errors.ts';

export type { LifecycleRule } from '@aws-sdk/client-s3';

export interface LifecycleOptions {
  /** Part of the rules' names: several sites may share a bucket. */
  site: string;
  /** What all keys of the site begin with. */
  prefix: string;
  /** Everything goes so many days after it was written, held or not; null: only retention removes. */
  expireDays: number | null;
}

const idOf = (site: string, what: string): string => `banksman-${site}-${what}`;

/**
 * Clears what retention cannot see: parts of uploads that were never finished, versions that were replaced or
 * removed (a locked one goes when its lock ends), and markers of removed objects without versions.
 */
export function lifecycleRules({ site, prefix, expireDays }: LifecycleOptions): LifecycleRule[] {
  const common = { Status: 'Enabled', Filter: { Prefix: prefix } } as const;
  const rules: LifecycleRule[] = [
    {
      ID: idOf(site, 'leftovers'),
      ...common,
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      Expiration: { ExpiredObjectDeleteMarker: true },
    },
  ];
  if (expireDays !== null) {
    rules.push({ ID: idOf(site, 'expire'), ...common, Expiration: { Days: Math.ceil(expireDays) + 1 } });
  }
  return rules;
}

/** A bucket has one list of rules: those of others stay, those of this site are replaced. */
export function mergeRules(
  there: readonly LifecycleRule[],
  ours: readonly LifecycleRule[],
  site: string,
): LifecycleRule[] {
  const own = new Set([idOf(site, 'leftovers'), idOf(site, 'expire')]);
  return [...there.filter(({ ID }) => ID === undefined || !own.has(ID)), ...ours];
}

/** @returns all rules that the bucket has now. @throws what the SDK throws. */
export async function applyRules(
  client: S3Client,
  bucket: string,
  rules: readonly LifecycleRule[],
  site: string,
): Promise<LifecycleRule[]> {
  const now = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket })).then(
    ({ Rules = [], TransitionDefaultMinimumObjectSize: size }) => ({ there: Rules, size }),
    (error: unknown) => {
      if (nameOf(error) === 'NoSuchLifecycleConfiguration') return { there: [], size: undefined };
      throw error;
    },
  );
  const all = mergeRules(now.there, rules, site);
  await client.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket: bucket,
      LifecycleConfiguration: { Rules: all },
      // Belongs to the rules of others; a store takes its default where it is not said.
      ...(now.size !== undefined && { TransitionDefaultMinimumObjectSize: now.size }),
    }),
  );
  return all;
}
