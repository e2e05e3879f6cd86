/** What other packages may know of the runner. Its process is `@pegasus-workflows/runner/supervisor`, a main file. */
export { WORKER_EXIT } from './protocol.js';
export { inspectSandbox } from './sandbox/open.js';
export { REQUIRED_WALLS } from './sandbox/walls.js';
export { type Wall } from './sandbox/sandbox.js';
