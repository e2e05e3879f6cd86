export {
  packageWorkflow,
  type PackagedWorkflow,
  type PackageOptions,
  type PackageStep,
} from './package-workflow.js';
