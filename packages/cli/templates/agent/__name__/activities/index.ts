export { askModel } from './model.js';
export { listFiles, readTextFile, runCommand, writeTextFile } from './tools.js';
