// Every page in every language in a real browser: accessibility (axe-core), narrow, zoomed, dark, by keyboard, printed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { launch } from './lib/chromium.mjs';
import { everyPage, servePages } from './lib/pages.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHAPES = ['me', 'confirm-forms', 'confirm-sign-out', 'console-password', 'refused', 'signed-out', 'framed', 'internal'];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

describe('every page in every language', () => {
  const pages = everyPage();
  let chromium;
  let server;
  before(async () => {
    server = await servePages(pages);
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await server?.stop();
  });

  /** Opens every page in one tab with these settings, and collects what `look` finds wrong with it. */
  async function everywhere(options, look, chosen = pages) {
    const context = await chromium.newContext(options);
    const tab = await context.newPage();
    const wrong = [];
    let now;
    tab.on('console', (message) => {
      if (message.type() === 'error') wrong.push(`${now}: ${message.text()}`);
    });
    for (const page of chosen) {
      now = server.url(page);
      await tab.goto(now);
      for (const found of await look(tab, page)) wrong.push(`${now}: ${found}`);
    }
    await context.close();
    assert.deepEqual(wrong, []);
  }

  const axe = async (tab) => {
    await tab.evaluate(AXE);
    const { violations } = await tab.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules, resultTypes: ['violations'] }), RULES);
    return violations.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target).join(', ')}`);
  };

  it('there are pages in five languages', () => {
    assert.equal(new Set(pages.map(({ language }) => language)).size, 5);
    assert.ok(pages.length > 5 * 2 * 50, String(pages.length));
  });

  const plain = pages.filter(({ branded }) => !branded);
  const english = plain.filter(({ language }) => language === 'en');
  // One page for each template: pages about a problem differ only in their words.
  const templates = pages.filter(({ name, language }) => language === 'en' && SHAPES.includes(name));

  it('axe-core finds nothing on any page in any language', () => everywhere({}, axe, plain));
  it('axe-core finds nothing in dark', () => everywhere({ colorScheme: 'dark' }, axe, templates));
  it('axe-core finds nothing with a brand', () => everywhere({}, axe, templates.filter(({ branded }) => branded)));

  /** What sticks out of the window, or text that is cut. */
  const overflow = (tab) =>
    tab.evaluate(() => {
      const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
      const cut = [...document.querySelectorAll('main *')].filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline');
      return [...(wide ? ['scrolls sideways'] : []), ...cut.map((node) => `cut: ${node.outerHTML.slice(0, 80)}`)];
    });

  it('fits 320 pixels', () => everywhere({ viewport: { width: 320, height: 568 } }, overflow, plain));

  it('fits a window zoomed to 200 %', () =>
    // Zoom halves the window in CSS pixels; large text doubles it once more.
    everywhere({ viewport: { width: 512, height: 384 }, deviceScaleFactor: 2 }, async (tab) => {
      await tab.evaluate(() => (document.documentElement.style.fontSize = '200%'));
      return overflow(tab);
    }, plain.filter(({ language }) => ['de', 'ja'].includes(language))));

  it('every field, button and link is reached by keyboard, in order, and shows it', () =>
    everywhere({}, async (tab) => {
      const wanted = await tab.evaluate(() => document.querySelectorAll('a, button, input:not([type=hidden])').length);
      const wrong = wanted > 0 ? [] : ['has no button'];
      for (let at = 0; at < wanted; at++) {
        await tab.keyboard.press('Tab');
        const found = await tab.evaluate(() => {
          const index = [...document.querySelectorAll('a, button, input:not([type=hidden])')].indexOf(document.activeElement);
          return { index, outline: getComputedStyle(document.activeElement).outlineStyle };
        });
        if (found.index !== at || found.outline === 'none') wrong.push(`stop ${at}: ${JSON.stringify(found)}`);
      }
      return wrong;
    }, english));

  it('works without variables, as in Internet Explorer 11', () =>
    everywhere({}, async (tab) => {
      const colors = await tab.evaluate(() => {
        // What a browser without variables reads: every declaration with one is left out.
        const style = document.querySelector('style');
        const plain = style.textContent.replace(/[\w-]+: [^;{}]*var\([^;{}]*;/g, '').replace(/--[\w-]+: [^;]*;/g, '');
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(plain);
        style.disabled = true;
        style.sheet.disabled = true;
        document.adoptedStyleSheets = [sheet];
        const of = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
        return { ground: of('html', 'backgroundColor'), sheet: of('main', 'backgroundColor'), button: of('.button', 'color') };
      });
      return colors.ground === 'rgb(243, 244, 247)' && colors.sheet === 'rgb(255, 255, 255)' ? [] : [JSON.stringify(colors)];
    }, english));

  it('is printed in black on white, without buttons', () =>
    everywhere({ colorScheme: 'dark' }, async (tab) => {
      await tab.emulateMedia({ media: 'print', colorScheme: 'dark' });
      const found = await tab.evaluate(() => ({
        color: getComputedStyle(document.body).color,
        ground: getComputedStyle(document.querySelector('main')).backgroundColor,
        buttons: [...document.querySelectorAll('.button')].filter((button) => button.offsetParent !== null).length,
      }));
      await tab.emulateMedia({ media: 'screen' });
      const right = found.color === 'rgb(0, 0, 0)' && found.ground === 'rgb(255, 255, 255)' && found.buttons === 0;
      return right ? [] : [JSON.stringify(found)];
    }, english));
});
