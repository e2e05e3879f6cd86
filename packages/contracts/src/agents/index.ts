export * from './events.js';
export * from './results.js';
export * from './roles.js';
export * from './tasks.js';
