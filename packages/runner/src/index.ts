/** What other packages may know of the runner. Its process is `@pegasus-workflows/runner/supervisor`, a main file. */
export { WORKER_EXIT } from './protocol.js';
