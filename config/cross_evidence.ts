/** What `evidence.store` asks for beside itself. */
import { asText, type Report } from './cross_report.ts';

export function evidenceProblems(report: Report): void {
  const at = (...path: string[]) => report.tree.get(['evidence', ...path]);
  const isS3 = asText(at('store')) === 's3';
  const section = at('s3');
  if (isS3 && section === undefined) {
    report.add(['evidence', 'store'], 'CONFIG_MISSING_KEY', 'needs evidence.s3', {
      mend: 'Add `s3: { bucket: NAME }` beside it.',
    });
  }
  if (!isS3 && section !== undefined && section.value !== null) {
    report.add(['evidence', 's3'], 'CONFIG_INVALID_VALUE', 'is given, but evidence.store is local', {
      atKey: true,
      mend: 'Set `store: s3`, or remove it.',
    });
  }
  const key = at('s3', 'kms_key_id');
  if (asText(key) !== undefined && asText(at('s3', 'sse')) !== 'kms') {
    report.add(['evidence', 's3', 'kms_key_id'], 'CONFIG_INVALID_VALUE', 'is of no use without sse: kms', {
      mend: 'Set `sse: kms`, or remove it.',
    });
  }
}
