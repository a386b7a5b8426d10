export { type AuditEvent, recordAudit } from './queries.ts';
