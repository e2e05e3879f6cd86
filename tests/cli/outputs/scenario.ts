import { type Stage } from './stage.js';

/** One command line as a person types it, and what it ends with. Scenarios run in order, on one stage. */
export interface Scenario {
  /** What is shown, in a few words; also the name of the golden file. */
  name: string;
  args: string[];
  /** Exit code. */
  code: number;
  /** Folder below the stage's root; default the root. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /**
   * Needs a process of its own in both forms: the activities it runs find the platform by the copy of the SDK that
   * Node loads, which in a test process is not the one that the test runner loads. Or it replays: Temporal's worker
   * knows source maps by the name of a bundle, and forgets one when the first of two replays in a process has ended.
   */
  alone?: true;
  /** Standard input. */
  input?: string;
  /** Runs before it: a file that is broken on purpose, a run that has to be somewhere. */
  before?: (stage: Stage) => Promise<void>;
  /** Runs after it: remembers a run for later scenarios. */
  after?: (stage: Stage) => Promise<void>;
}
