export { AdminModule, ProbesModule } from './admin.module.js';
