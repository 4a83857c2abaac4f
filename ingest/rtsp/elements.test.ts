import { expect, it } from 'vitest';
import { polledPipeline } from './elements.ts';

it('a poll that comes too late for a stopped pipeline is answered, and does not hold up the exit of the process', async () => {
  const pipeline = polledPipeline('fakesrc is-live=true ! fakesink');
  pipeline.play();
  pipeline.stop();
  const { type } = await new Promise<{ type: string }>((resolve) => pipeline.pollBus(resolve));
  expect(type).toBe('state-changed');
});
