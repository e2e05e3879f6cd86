export { runCommandLine } from './main.js';
export type { Surroundings } from './context.js';
