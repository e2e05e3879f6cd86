export { checkEntryPoint } from './check-entry-point.js';
export { type ReadSource } from './resolve-module.js';
