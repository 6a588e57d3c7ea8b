export function findOrInstall(name: 'redis' | 'nginx' | 'chromium' | 'wrk'): string;
