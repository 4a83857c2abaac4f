import { program } from '../cli.ts';

/** What would be wrong with these words after `banksman`: a command or an option that there is not. */
export function wrongIn(args: readonly string[]): string[] {
  let command = program;
  const rest = [...args];
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (!next) break;
    command = next;
    rest.shift();
  }
  if (command === program || command.commands.length > 0) return [`no command: ${args.join(' ')}`];
  const options = command.options.flatMap(({ short, long }) => [short, long]);
  return rest
    .filter((word) => word.startsWith('-') && !options.includes(word))
    .map((word) => `${args.join(' ')}: ${word}`);
}
