// The reading thread gives way to every other before it does anything, loading what it does included.
import { constants, setPriority } from 'node:os';

// Linux gives every thread a priority of its own; elsewhere this would slow the whole process down.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);
await import('./reading.js');
