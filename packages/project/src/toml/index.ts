export { locateToml, type TomlMap, type TomlPath } from './locate.js';
export { isTable, parseToml } from './parse.js';
