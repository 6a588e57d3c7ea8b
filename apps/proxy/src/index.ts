export { HotLane } from './http/hot-lane.js';
export { ProxyModule } from './proxy.module.js';
