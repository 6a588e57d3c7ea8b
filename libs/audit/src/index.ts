export { type Actor, auditCopy, type ChangeAction, recordChange } from './record-change.js';
