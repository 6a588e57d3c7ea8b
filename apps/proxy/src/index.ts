export { HotLane } from './http/hot-lane.js';
export { ProxyModule } from './proxy.module.js';
export { PassThroughLane } from './pass-through/pass-through-lane.js';
export { REALTIME_DOORS, RealtimeLane } from './realtime/realtime-lane.js';
