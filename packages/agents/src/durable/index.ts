export { dispatchActivities, type HostParts } from './host/activities.js';
export { Copies, type CopiesOptions } from './host/copies.js';
export { Models, type HostModel } from './host/models.js';
export { originActivities, type BundleStore, type OriginParts } from './host/origin.js';
export { remoteActivities, takingActivities, type RemoteParts } from './host/remote.js';
export { HostWorkspace, type HostWorkspaceOptions } from './host/workspaces.js';
export type {
  DispatchActivities,
  OriginActivities,
  RemoteActivities,
  StoredBundle,
  TakingActivities,
} from './protocol.js';
