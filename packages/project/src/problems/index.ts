export { compareText, formatProblem, ProjectError, sortProblems, type Problem } from './problem.js';
export { nearest } from './nearest.js';
