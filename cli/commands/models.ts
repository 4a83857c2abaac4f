import { type Command, Option } from 'commander';
import type { ModelsCommandOptions } from '../models.ts';
import { action, example, jsonOption } from './parts.ts';

export function modelsCommands(program: Command): Command {
  const models = program
    .command('models')
    .description('model manifests and their weights')
    .addHelpText('after', example('banksman models list', 'banksman models pull yolox-nano'));
  const modelsConfigOption = (): Option => new Option('-c, --config <file>', 'as the `models` of this site file say');
  models
    .command('list')
    .description('every manifest, and whether its weights are here')
    .addOption(modelsConfigOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman models list'))
    .action(action(async (options: ModelsCommandOptions) => (await import('../models.ts')).list(options)));
  models
    .command('pull')
    .argument('<name>')
    .description('download the weights of a model, check and keep them')
    .addOption(modelsConfigOption())
    .option('--from <file>', 'take a local file instead')
    .addHelpText(
      'after',
      example('banksman models pull yolox-nano', 'banksman models pull yolox-nano --from yolox_nano.onnx'),
    )
    .action(
      action(async (name: string, options: ModelsCommandOptions & { from?: string }) =>
        (await import('../models.ts')).pull(name, options),
      ),
    );
  models
    .command('check')
    .argument('[name]')
    .description('checksum, signature and a warm-up run')
    .addOption(modelsConfigOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman models check yolox-nano'))
    .action(
      action(async (name: string | undefined, options: ModelsCommandOptions) =>
        (await import('../models.ts')).check(name, options),
      ),
    );
  return models;
}
