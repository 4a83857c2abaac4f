/** What `bus.type` asks for beside itself. */
import { asText, type Report } from './cross_report.ts';

const SASL = ['bus', 'kafka', 'sasl'] as const;

export function busProblems(report: Report): void {
  const at = (...path: string[]) => report.tree.get(['bus', ...path]);
  const section = at('kafka');
  const isKafka = asText(at('type')) === 'kafka';
  const isGiven = section !== undefined && section.value !== null;
  if (isKafka && !isGiven) {
    report.add(section ? ['bus', 'kafka'] : ['bus', 'type'], 'CONFIG_MISSING_KEY', 'needs bus.kafka', {
      mend: 'Add `kafka: { brokers: [HOST:9092] }` beside it.',
    });
  }
  if (!isKafka && isGiven) {
    report.add(['bus', 'kafka'], 'CONFIG_INVALID_VALUE', 'is given, but bus.type is local', {
      atKey: true,
      mend: 'Set `type: kafka`, or remove it.',
    });
  }
  checkLogin(report);
}

function checkLogin(report: Report): void {
  const at = (key: string) => report.tree.get([...SASL, key]);
  const mechanism = asText(at('mechanism'));
  if (mechanism === undefined) return;
  if (mechanism === 'oauthbearer') {
    if (!at('token_file') === !at('oauth')) {
      report.add([...SASL, 'mechanism'], 'CONFIG_MISSING_KEY', 'needs one of token_file and oauth', {
        mend: 'Say where the token comes from: a file, or a server (`oauth`).',
      });
    }
    return;
  }
  if (!at('username')) {
    report.add([...SASL, 'mechanism'], 'CONFIG_MISSING_KEY', 'needs username', { mend: 'Add the user.' });
  }
  if (!at('password') === !at('password_file')) {
    report.add([...SASL, 'mechanism'], 'CONFIG_MISSING_KEY', 'needs one of password and password_file', {
      mend: 'Write password: ${KAFKA_PASSWORD}, or name the file.',
    });
  }
}
