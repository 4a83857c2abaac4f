import { checkCommand, wantsColor } from '../config/check.ts';
import { knownModels, manifestsNamedIn } from './models.ts';

export async function check(options: { config: string; json?: boolean }): Promise<number> {
  const { exitCode, output } = await checkCommand(options.config, {
    json: options.json ?? false,
    color: wantsColor(process.stdout, process.env),
    models: await knownModels(await manifestsNamedIn(options.config)),
  });
  process.stdout.write(`${output}\n`);
  return exitCode;
}
