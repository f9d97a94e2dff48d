// `imsgate demo` in a real browser.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launch, shot } from './lib/chromium.mjs';
import { startDemo } from './lib/gateway.mjs';

const SESSION = '__Host-imsgate';

describe('imsgate demo in Chromium', () => {
  let demo;
  let chromium;
  before(async () => {
    demo = await startDemo();
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await demo?.stop();
  });

  /** Runs `visit` in a new profile. The certificate is temporary, so the browser does not check it. */
  async function visitor(visit) {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 720 } });
    context.setDefaultTimeout(15_000);
    try {
      await visit(context);
    } finally {
      await context.close();
    }
  }

  it('prints where to go and who can sign in', () => {
    assert.ok(demo.out().includes(demo.url), demo.log());
    for (const name of ['alice', 'bob', 'carol', 'dave', 'erin']) assert.ok(demo.out().includes(name), name);
  });

  it('alice signs in, sees Campaign and who she is, and signs out', () =>
    visitor(async (context) => {
      const page = await context.newPage();
      await page.goto(`${demo.url}/view/home`);
      assert.ok(!page.url().startsWith(demo.url), 'at IMS');
      assert.match(await page.textContent('body'), /simulator/i);
      await shot(page, 'sign-in');
      await signIn(page, 'alice');
      assert.equal(page.url(), `${demo.url}/view/home`);
      assert.match(await page.textContent('body'), /alice/i);
      await shot(page, 'campaign-home');

      const me = await page.goto(`${demo.url}/ims/me`);
      assert.equal(me.status(), 200);
      const text = await page.textContent('body');
      for (const word of ['alice@example.com', 'delivery', 'workflow']) assert.ok(text.includes(word), word);
      await shot(page, 'who-am-i');

      const stolen = (await context.cookies(demo.url)).find(({ name }) => name === SESSION);
      assert.deepEqual([stolen.httpOnly, stolen.secure, stolen.path], [true, true, '/']);
      await page.goto(`${demo.url}/ims/logout`);
      await shot(page, 'sign-out');
      await submit(page, 'form[action*="/ims/logout"]');
      assert.equal(page.url().split('?')[0], `${demo.url}/ims/signed-out`);
      await shot(page, 'signed-out');
      assert.equal((await context.cookies(demo.url)).find(({ name }) => name === SESSION), undefined);

      await context.addCookies([{ ...stolen }]);
      await page.goto(`${demo.url}/view/home`);
      assert.equal(await page.locator('[name=username]').count(), 1, 'the old cookie is worth nothing');
    }));

  it('three tabs that sign in at once each end on their own page', () =>
    visitor(async (context) => {
      const paths = ['/view/home?tab=1', '/demo/echo?tab=2', '/view/home?tab=3'];
      const tabs = await Promise.all(paths.map(() => context.newPage()));
      await Promise.all(tabs.map((tab, index) => tab.goto(demo.url + paths[index])));
      await Promise.all(tabs.map((tab) => signIn(tab, 'dave')));
      assert.deepEqual(tabs.map((tab) => tab.url()), paths.map((path) => demo.url + path));
      await shot(tabs[2], 'third-tab');

      const me = await context.request.get(`${demo.url}/ims/me`, { headers: { accept: 'application/json' } });
      assert.deepEqual((await me.json()).groups, ['content'], 'only the configured organisation counts');
    }));

  for (const name of ['bob', 'carol']) {
    it(`${name} gets a page that says why and whom to ask`, () =>
      visitor(async (context) => {
        const page = await context.newPage();
        await page.goto(`${demo.url}/view/home`);
        const answer = await signIn(page, name);
        assert.equal(answer.status(), 403);
        assert.equal(new URL(page.url()).origin, demo.url);
        const text = await page.textContent('body');
        assert.match(text, /administrator/i, 'whom to ask');
        assert.ok(text.includes(answer.headers()['x-request-id']), 'the reference to tell them');
        assert.equal(await page.locator('h1').count(), 1);
        await shot(page, `refused-${name}`);
        assert.equal((await context.cookies(demo.url)).find((cookie) => cookie.name === SESSION), undefined);
      }));
  }

  it('a click on a name signs in; a switch breaks IMS, and the page says so in the language of the browser', () =>
    visitor(async (context) => {
      const page = await context.newPage();
      await page.goto(`${demo.url}/ims/login?return_to=/ims/me`);
      await Promise.all([page.waitForNavigation(), page.click('button[value=alice]')]);
      assert.equal(page.url(), `${demo.url}/ims/me`);
      assert.match(await page.textContent('body'), /Chrome on Linux \(this browser\)/);

      const [, switches] = demo.out().match(/Break it +(http\S+)/);
      await page.goto(switches);
      await shot(page, 'demo-switches');
      const turn = () => Promise.all([page.waitForNavigation(), page.click('button[value=ims-down]')]);
      await turn();
      assert.match(await page.textContent('tr:has([value=ims-down])'), /on/);
      const other = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'de-DE' });
      const german = await other.newPage();
      await german.goto(`${demo.url}/ims/login`);
      await Promise.all([german.waitForNavigation(), german.click('button[value=erin]')]);
      assert.equal(await german.textContent('h1'), 'Die Adobe-Anmeldung ist nicht verf\u00fcgbar');
      assert.equal(await german.getAttribute('html', 'lang'), 'de');
      await other.close();
      await turn();
    }));

  it('erin gets in by a product profile alone', () =>
    visitor(async (context) => {
      const page = await context.newPage();
      await page.goto(`${demo.url}/ims/login?return_to=/ims/me`);
      await signIn(page, 'erin');
      assert.ok((await page.textContent('body')).includes('report'));
    }));
});

/** Fills in the simulator's form. Returns the final response. */
async function signIn(page, name) {
  const field = page.locator('[name=username]');
  const kind = await field.first().evaluate((element) => element.type || element.tagName.toLowerCase());
  if (kind.startsWith('select')) await field.selectOption({ value: name });
  else if (kind === 'radio') await page.check(`[name=username][value=${name}]`);
  else await field.fill(name);
  return submit(page, 'form:has([name=username])');
}

/** Presses the submit button of the form. Returns the response after all redirects. */
async function submit(page, form) {
  const button = page.locator(`${form} [type=submit], ${form} button`).first();
  const [answer] = await Promise.all([page.waitForNavigation(), button.click()]);
  return answer;
}
