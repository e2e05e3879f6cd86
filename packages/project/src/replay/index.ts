export { type CommandKind } from './commands.js';
export { type Divergence, type Expected, type Got } from './divergence.js';
export { localCode, type ReplayedCode } from './local-code.js';
export { parseJson, type ParsedJson } from './parse-json.js';
export { readHistory, readHistoryFile, type RecordedHistory } from './read-history.js';
export { replayHistories, type ReplayOptions, type ReplayVerdict } from './replay.js';
export { historyFromJson, historyToJson, type History } from './temporal-json.js';
