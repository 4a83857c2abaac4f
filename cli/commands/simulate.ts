import { type Command, Option } from 'commander';
import type { SimulateOptions } from '../simulate.ts';
import { action, example, jsonOption } from './parts.ts';

export function simulateCommand(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('a building site that exists only in numbers: render what its cameras see and serve it over RTSP')
    .option('--list', 'the scenarios and cameras there are')
    .option('--scenario <name>', 'what happens', 'demo')
    .option('--seed <n>', 'the same number gives the same pictures', '1')
    .option('--camera <id>', 'only this one; may be repeated', (id: string, before: string[] = []) => [...before, id])
    .option('--duration <duration>', 'of scenarios that can be as long as wanted, e.g. 5m')
    .option('--port <n>', 'where RTSP is served, on loopback; 0: any that is free', '8554')
    .option('--for <duration>', 'stop serving by itself after this long, e.g. 60s')
    .option('--render-only', 'render into the cache and serve nothing')
    .addOption(
      new Option('--export <form>', 'write pictures and truth, or truth alone, and serve nothing').choices([
        'coco',
        'mot',
        'truth',
      ]),
    )
    .option('--out <dir>', 'where to export')
    .option('--every <n>', 'export each such frame only', '1')
    .option('--strip', 'a machine-readable strip in each picture: frame number and milliseconds of the scenario')
    .option('--no-clock', 'no burnt-in clock')
    .option('--frozen <from-to>', 'the picture stands still, e.g. 20s-30s')
    .addOption(
      new Option('--encoder <way>', 'how all cameras encode, instead of each its own way').choices([
        'vbr',
        'cbr',
        'smart',
        'long',
      ] satisfies SimulateOptions['encoder'][]),
    )
    .addOption(jsonOption());
  for (const [name, what] of [
    ['noise', 'of the sensor'],
    ['night', 'from noon to night'],
    ['flicker', 'of lamps on the mains'],
    ['switched', 'lamps just switched'],
    ['clouds', 'that pass'],
    ['rain', 'streaks, veil, wet ground'],
    ['sway', 'of trees and tarpaulin'],
    ['headlights', 'of vehicles out of sight'],
    ['shake', 'of the mounting'],
    ['turning', 'of the camera, left and right'],
    ['dirt', 'on the lens'],
    ['reflections', 'in the pane before the lens'],
    ['covered', 'something before the lens'],
  ] as const) {
    simulate.option(`--${name} <grade>`, `0 (off) to 3 (worst), or 3@20s-30s, instead of the scenario's: ${what}`);
  }
  simulate
    .addHelpText(
      'after',
      example(
        'banksman simulate --list',
        'banksman simulate --scenario demo --night 2 --rain 1',
        'banksman simulate --covered 3@60s-75s --switched 2@30s-40s',
        'banksman simulate --camera pit --encoder long',
        'banksman simulate --scenario busy --seed 7 --camera gate --export coco --out site-7',
      ),
    )
    .action(action(async (options: SimulateOptions) => (await import('../simulate.ts')).simulate(options)));
}
