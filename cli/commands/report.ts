import type { Command } from 'commander';
import type { ReportOptions } from '../report.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

export function reportCommand(program: Command): void {
  program
    .command('report')
    .description('what happened in a week or a month, or one incident, as one HTML file for people; and as PDF')
    .addOption(configOption())
    .option('--weekly', 'seven days')
    .option('--monthly', 'a month: the calendar month where --until is its last day')
    .option('--incident <id>', 'one incident, with its evidence; the first 8 letters of the id are enough')
    .option('--until <day>', 'the last day, such as 2026-11-30; default: today, up to now')
    .option('--timezone <zone>', "such as Europe/Dublin; default: that of the site's schedules, else this machine's")
    .option('--out <file>', 'where to write it; default: named by site and day, here')
    .option('--pdf', 'beside it a PDF, by the Chromium of this machine ($BANKSMAN_CHROMIUM)')
    .option('--no-pictures', 'without pictures of evidence')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      example(
        'banksman report --weekly -c site.yaml',
        'banksman report --monthly --until 2026-10-31 --pdf --out october.html -c site.yaml',
        'banksman report --incident 0c220df81d98 -c site.yaml',
      ),
    )
    .action(action(async (options: ReportOptions) => (await import('../report.ts')).report(options)));
}
