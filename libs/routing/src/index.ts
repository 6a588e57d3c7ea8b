export type { Deployment, PriceOverrides, WireFormat } from './deployment.js';
