export { dispatchActivities, type HostParts } from './host/activities.js';
export { Models, type HostModel } from './host/models.js';
export { HostWorkspace, type HostWorkspaceOptions } from './host/workspaces.js';
export type { DispatchActivities } from './protocol.js';
