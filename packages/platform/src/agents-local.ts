/** A dispatch without a platform: apart, since nothing that starts a platform needs an agent's tools and engines. */
export { dispatchLocally, type LocalDispatch } from '@pegasus-workflows/runner/agents-local';
