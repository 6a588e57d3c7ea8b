export function findOrInstall(name: 'redis' | 'nginx' | 'wrk'): string;
