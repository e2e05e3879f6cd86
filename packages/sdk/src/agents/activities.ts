/** The activities of `dispatchSubagent`: a workflow's activities module passes them on with `export *`. */
export { cancelDispatch, readDispatch, startDispatch, type DispatchProgress } from './dispatch-activities.js';
