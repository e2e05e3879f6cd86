export { pegasusDispatch } from './dispatch.js';
