import type { Component } from '../runtime/lifecycle.ts';
import { silentLogger } from '../runtime/log.ts';
import { type RoleToSupervisor, runRole } from '../runtime/role.ts';

/**
 * A role for tests of what runs roles: a real process with a component that behaves as its argument says.
 * `fine`; `late` is never ready; `refused` cannot start and says why; `brief` ends by itself soon after it is
 * ready; `deaf` does not stop. `BANKSMAN_TEST_FLAG` is its address.
 */
const [behaviour = 'fine'] = process.argv.slice(2);
const never = new Promise<void>(() => undefined);

const component: Component = {
  name: behaviour,
  start: async () => {
    if (behaviour === 'late') await never;
    if (behaviour === 'brief') setTimeout(() => process.exit(7), 50);
  },
  stop: async () => {
    if (behaviour === 'deaf') await never;
  },
};

if (behaviour === 'refused') {
  const failed: RoleToSupervisor = { type: 'failed', code: 'PORT_TAKEN', message: 'the port is taken', where: 'here' };
  process.send?.(failed, undefined, undefined, () => process.exit(2));
} else {
  // What runs would keep the process alive; a channel that waits for nobody would not.
  const alive = setInterval(() => undefined, 60_000);
  const code = await runRole({
    name: behaviour,
    log: silentLogger,
    components: [component],
    metrics: async function* () {
      yield { name: 'answered', head: '', text: `${process.pid}` };
    },
    addresses: () => ({ flag: process.env['BANKSMAN_TEST_FLAG'] ?? '' }),
    stopDeadlineMs: 60_000,
  });
  clearInterval(alive);
  process.exit(code);
}
