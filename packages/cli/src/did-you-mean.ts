/** What was meant by a word that is none: one rule for commands, names, files and keys. */
export { nearest } from '@pegasus-workflows/project/nearest';
