/**
 * Adds up vitest's JSON reports and ends with the line that says so. A skipped test is a failure here:
 * in CI everything that a test may need is there.
 *
 * usage: node test/ci_counts.ts CHECKS_FAILED REPORT...
 */
import { readFileSync } from 'node:fs';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages?: string[] | null }[];
  }[];
}

const MOST_OF_A_MESSAGE = 1500;

const [checksFailed, ...paths] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;

for (const path of paths) {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    console.error(`no report of the tests in ${path}: ${String(error)}`);
    failed += 1;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults) {
    // A file that could not be loaded has no test to fail.
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      console.error(`could not run ${file.name}: ${file.message ?? ''}`);
      failed += 1;
    }
    for (const test of file.assertionResults) {
      if (test.status === 'passed') continue;
      console.error(`${test.status}: ${file.name}: ${test.fullName}`);
      // Again, at the end: what stood above may be far away by now.
      for (const message of test.failureMessages ?? []) console.error(message.slice(0, MOST_OF_A_MESSAGE));
    }
  }
}

// Counted above, as a rule: this is what no test can tell (types, rules of import, the long tests' own exit).
if (failed === 0 && (checksFailed === 'true' || passed === 0)) failed = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0;
