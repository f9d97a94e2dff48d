// Headless Chromium, the one the machine has.
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const SHOTS = resolve(import.meta.dirname, '../shots');
const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts Chromium (`CHROMIUM` names another binary). It talks to nobody but the pages opened in it. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? PATHS.find((path) => existsSync(path));
  if (!executablePath) throw new Error(`no Chromium at ${PATHS.join(', ')}; name one in CHROMIUM`);
  mkdirSync(SHOTS, { recursive: true });
  return chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
}

/** A picture of the page for a person to look at, in e2e/shots. */
export const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
