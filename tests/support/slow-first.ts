import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take minutes, slowest first. Vitest goes by size where it remembers no times, as in a fresh clone, and
 * these are short: they would begin last, one of them alone at the end.
 */
const SLOW = [
  'tests/agents/dispatch-crash.test.ts',
  'tests/attacks/attacks.test.ts',
  'tests/fault/instants.test.ts',
  'tests/fault/failpoints.test.ts',
  'tests/packaging/tarballs.test.ts',
  'tests/cli/outputs/outputs.test.ts',
  'tests/docs/tutorial.test.ts',
  'tests/agents/remote-vm.test.ts',
  'tests/fault/eager-start.test.ts',
  'tests/fault/load.test.ts',
  'tests/events/under-fire.test.ts',
  'tests/agents/server-crash.test.ts',
  'tests/agents/isolation-killed.test.ts',
  'tests/triggers/crash.test.ts',
  'tests/runner/runner.test.ts',
  'tests/batches/crash.test.ts',
  'tests/executions/crash.test.ts',
];

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOW.indexOf(relative(this.ctx.config.root, moduleId));
      return at === -1 ? SLOW.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
