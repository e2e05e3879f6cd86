export {
  locateToml,
  positionAt,
  type TomlEntry,
  type TomlMap,
  type TomlPath,
  type TomlTable,
} from './locate.js';
export { isTable, parseToml, type ParsedToml } from './parse.js';
