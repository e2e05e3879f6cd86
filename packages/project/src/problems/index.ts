export { compareText, formatProblem, ProjectError, sortProblems, type Problem } from './problem.js';
