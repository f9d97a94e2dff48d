// Screenshots of every page in two languages and both themes, in e2e/shots/pages: `npm run screenshots [LANGUAGE…]`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './lib/chromium.mjs';
import { everyPage, servePages } from './lib/pages.mjs';

const languages = process.argv.length > 2 ? process.argv.slice(2) : ['en', 'de'];
const folder = join(import.meta.dirname, 'shots/pages');
mkdirSync(folder, { recursive: true });
const pages = everyPage().filter(({ language }) => languages.includes(language));
const server = await servePages(pages);
const chromium = await launch();
for (const colorScheme of ['light', 'dark']) {
  const context = await chromium.newContext({ colorScheme, viewport: { width: 720, height: 500 } });
  const tab = await context.newPage();
  for (const page of pages) {
    await tab.goto(server.url(page));
    const name = [page.language, colorScheme, page.branded ? 'brand' : 'plain', page.name].join('-');
    await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    process.stdout.write(`${name}\n`);
  }
  await context.close();
}
await chromium.close();
await server.stop();
