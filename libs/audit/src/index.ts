export { AuditModule } from './audit.module.js';
export { type AuditAction, type AuditEntry, AuditTrail, NOBODY } from './audit-trail.js';
export { InstallationKey } from './installation-key.js';
export type { Actor, Chain } from './record.js';
