export { AdminModule, ProbesModule } from './admin.module.js';
export { AccessRecorder } from './audit/access-recorder.js';
