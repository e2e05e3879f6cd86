import { listDeployments } from './list-deployments.js';
import { listProfiles } from './list-profiles.js';
import { packageProject } from './package-project.js';
import { scaffoldWorkflow } from './scaffold-workflow.js';
import type { Tool } from './tool.js';
import { validateIntegrationConfig } from './validate-integration-config.js';
import { validateManifest } from './validate-manifest.js';

export type { Tool, ToolCall } from './tool.js';

/** Every tool by its name. None of them writes over the network: publishing and running stay with a person. */
export const TOOLS: ReadonlyMap<string, Tool> = new Map(
  [
    scaffoldWorkflow,
    validateManifest,
    packageProject,
    validateIntegrationConfig,
    listDeployments,
    listProfiles,
  ].map((tool) => [tool.name, tool]),
);
