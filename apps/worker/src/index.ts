export { MAINTENANCE_QUEUE, SCHEDULES, type ScheduleName } from './schedules.js';
export { WorkerModule } from './worker.module.js';
