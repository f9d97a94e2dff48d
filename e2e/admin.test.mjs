// The admin page of `imsgate demo` in a real browser: signing in with the token, search, ending a session, without script, narrow, dark.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { launch, shot } from './lib/chromium.mjs';
import { startDemo } from './lib/gateway.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PAGES = ['/admin', '/admin/sessions', '/admin/sign-ins', '/admin/why?about=bob@example.com', '/admin/configuration'];

describe('the admin page in Chromium', () => {
  let demo;
  let chromium;
  let admin;
  let token;
  before(async () => {
    demo = await startDemo();
    [, admin, token] = demo.out().match(/Operate +(http:\S+)\/admin +with the token\s+(\S+)/);
    chromium = await launch();
    for (const name of ['alice', 'erin', 'bob']) await atDemo(name);
  });
  after(async () => {
    await chromium?.close();
    await demo?.stop();
  });

  /** Signs a person in at the demo, in a browser of their own that stays open. Returns the page. */
  async function atDemo(name) {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${demo.url}/ims/login?return_to=/ims/me`);
    await Promise.all([page.waitForNavigation(), page.click(`button[value=${name}]`)]);
    return page;
  }

  async function operator(visit, options = {}) {
    const context = await chromium.newContext({ viewport: { width: 1000, height: 720 }, ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const wrong = [];
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(message.text());
    });
    try {
      await signIn(page);
      await visit(page, context);
      assert.deepEqual(wrong, []);
    } finally {
      await context.close();
    }
  }

  async function signIn(page) {
    await page.goto(`${admin}/admin`);
    assert.equal(page.url(), `${admin}/admin/sign-in`);
    await page.fill('[name=token]', token);
    await submit(page, 'main button');
    assert.equal(page.url(), `${admin}/admin`);
  }

  const submit = (page, button) => Promise.all([page.waitForNavigation(), page.click(button)]);

  it('opens with the token, and a wrong one is refused', () =>
    operator(async (page, context) => {
      assert.match(await page.textContent('main'), /running/);
      const [cookie] = await context.cookies(`${admin}/admin`);
      assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Strict', '/admin']);
      assert.ok(!cookie.value.includes(token));
      await submit(page, 'nav button');
      await page.goto(`${admin}/admin/sessions`);
      assert.equal(page.url(), `${admin}/admin/sign-in`, 'signed out');
    }));

  it('works without script: searches a person and ends the session', () =>
    operator(
      async (page) => {
        const alice = await atDemo('alice');
        await page.goto(`${admin}/admin/sessions`);
        await page.fill('[name=person]', 'alice@example.com');
        await submit(page, '.search button');
        const text = await page.textContent('main');
        assert.ok(text.includes('alice@example.com') && !text.includes('erin@example.com'), text);
        const before = await page.locator('.cards > li').count();
        await submit(page, '.cards button');
        assert.match(await page.textContent('[role=status]'), /1 session ended/);
        assert.equal(await page.locator('.cards > li').count(), before - 1);
        if (before > 1) await submit(page, '.actions button');
        // A page would sign her in again: IMS still knows her browser.
        const answer = await alice.request.get(`${demo.url}/ims/me`, { maxRedirects: 0 });
        assert.notEqual(answer.status(), 200, 'alice is signed out');
        await alice.context().close();
        await page.goto(`${admin}/admin/why?about=alice@example.com`);
        assert.match(await page.textContent('main'), /revoked by an operator at the admin page/);
        await atDemo('alice');
      },
      { javaScriptEnabled: false },
    ));

  it('says why bob was refused', () =>
    operator(async (page) => {
      await page.goto(`${admin}/admin/why`);
      await page.fill('[name=about]', 'bob@example.com');
      await submit(page, '.search button');
      const text = await page.textContent('main');
      for (const word of ['Why', 'Nearly', 'Fix']) assert.ok(text.includes(word), text);
      await page.goto(`${admin}/admin/configuration`);
      const shown = await page.textContent('main');
      assert.ok(shown.includes('association_mask') && shown.includes('secret') && !shown.includes(token), shown);
    }));

  for (const colorScheme of ['light', 'dark']) {
    it(`axe-core finds nothing in ${colorScheme}, and the screenshots are taken`, () =>
      operator(
        async (page) => {
          const wrong = [];
          for (const path of PAGES) {
            await page.goto(admin + path);
            await shot(page, `admin-${path.split(/[/?]/)[2] ?? 'overview'}-${colorScheme}`);
            wrong.push(...(await axe(page)).map((found) => `${path}: ${found}`));
          }
          await submit(page, 'nav button');
          await shot(page, `admin-sign-in-${colorScheme}`);
          wrong.push(...(await axe(page)));
          assert.deepEqual(wrong, []);
        },
        // axe-core runs as a script of the test, which the policy of the page forbids.
        { colorScheme, bypassCSP: true },
      ));
  }

  async function axe(page) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules, resultTypes: ['violations'] }), RULES);
    return violations.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target).join(', ')}`);
  }

  it('fits 320 pixels', () =>
    operator(
      async (page) => {
        const wrong = [];
        for (const path of PAGES) {
          await page.goto(admin + path);
          await shot(page, `admin-${path.split(/[/?]/)[2] ?? 'overview'}-narrow`);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
          if (wide) wrong.push(path);
        }
        assert.deepEqual(wrong, []);
      },
      { viewport: { width: 320, height: 568 } },
    ));
});
