// The pictures of the book, from the demo: `npm run book-pictures` writes docs/images. IMSGATE_BIN names the program.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './lib/chromium.mjs';
import { startDemo } from './lib/gateway.mjs';

const folder = join(import.meta.dirname, '../docs/images');
mkdirSync(folder, { recursive: true });
const demo = await startDemo();
const chromium = await launch();

/** Opens a path as this person, does the rest of the way, and takes the picture. */
async function picture(name, who, path, way = async () => {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 720, height: 480 } });
  const page = await context.newPage();
  await page.goto(demo.url + path);
  await page.fill('[name=username]', who);
  await Promise.all([page.waitForNavigation(), page.click('form [type=submit]')]);
  await way(page);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await context.close();
}

await picture('refused', 'bob', '/view/home');
await picture('me', 'alice', '/ims/me');
await picture('console-password', 'alice', '/ims/me', (page) =>
  Promise.all([page.waitForNavigation(), page.click('form[action$="/console-password"] [type=submit]')]),
);
await chromium.close();
await demo.stop();
