import { type Browser, chromium } from 'playwright-core';
import { findOrInstall } from '../../scripts/find-or-install.mjs';

/** The system's Chromium, without a window. Its sandbox needs a user other than root. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findOrInstall('chromium'),
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-dev-shm-usage', '--disable-gpu'],
  });
}
