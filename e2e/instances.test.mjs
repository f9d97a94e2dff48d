// Two Campaign instances and one that is public only, in one process, in a real browser, with the certified provider as IMS.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launch, shot } from './lib/chromium.mjs';
import { startWorld } from './lib/world.mjs';

// Every name under `localhost` resolves to loopback (RFC 6761 §6.3), and is another host for the browser.
const HOSTS = { acme: 'localhost', stage: 'stage.localhost', tracking: 't.localhost' };

describe('several instances in one process', () => {
  let world;
  let chromium;
  before(async () => {
    world = await startWorld({
      instances: [
        { name: 'acme', host: HOSTS.acme },
        { name: 'stage', host: HOSTS.stage },
        { name: 'tracking', host: HOSTS.tracking, isPublic: true },
      ],
    });
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await world?.stop();
  });

  const at = (name, path) => world.gateway.url.replace('localhost', HOSTS[name]) + path;

  async function inBrowser(work) {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 720 } });
    context.setDefaultTimeout(20_000);
    world.campaign.forget();
    try {
      await work(await context.newPage(), context);
    } finally {
      await context.close();
    }
  }

  async function signIn(page) {
    await page.goto(at('acme', '/view/home'));
    await page.fill('[name=username]', 'alice');
    await Promise.all([page.waitForURL(at('acme', '/view/home')), page.click('button')]);
    assert.match(await page.textContent('h1'), /Welcome/);
  }

  const formsShown = () => world.ims.seen.filter((seen) => seen.startsWith('GET /ims/sign-in/')).length;
  /** The status of `/ims/me` for a script at this instance. */
  const me = async (context, name) => {
    const page = await context.newPage();
    await page.goto(at(name, '/ims/health/live'));
    const status = await page.evaluate(async () => (await fetch('/ims/me', { headers: { accept: 'application/json' } })).status);
    await page.close();
    return status;
  };

  it('who is signed in at one is signed in at the other without a question, and signs out of each', () =>
    inBrowser(async (page, context) => {
      const before = formsShown();
      await signIn(page);
      assert.equal(await me(context, 'stage'), 401, 'the session belongs to one host');
      const answer = await page.goto(at('stage', '/view/home'));
      assert.deepEqual([answer.status(), page.url()], [200, at('stage', '/view/home')]);
      assert.match(await page.textContent('h1'), /Welcome/);
      assert.equal(formsShown() - before, 1, 'IMS asked once');
      const hosts = new Set(world.campaign.requests.filter(({ url }) => url === '/view/home').map(({ headers }) => headers.host));
      assert.deepEqual([...hosts], [new URL(at('acme', '/')).host, new URL(at('stage', '/')).host]);
      const cookies = (await context.cookies()).filter(({ name }) => name === '__Host-imsgate');
      assert.deepEqual(cookies.map(({ domain }) => domain).sort(), [HOSTS.acme, HOSTS.stage]);
      assert.notEqual(cookies[0].value, cookies[1].value);

      await page.goto(at('acme', '/ims/logout'));
      await page.click('form[action="/ims/logout"] button');
      await page.waitForURL(at('acme', '/ims/signed-out'));
      assert.deepEqual([await me(context, 'acme'), await me(context, 'stage')], [401, 200]);
      await page.goto(at('stage', '/view/home'));
      assert.match(await page.textContent('h1'), /Welcome/, 'the other session goes on');
      await page.goto(at('acme', '/view/home'));
      assert.ok(await page.isVisible('[name=username]'), 'IMS asks again: its own session has ended');

      await page.goto(at('stage', '/ims/logout'));
      await page.click('form[action="/ims/logout"] button');
      await page.waitForURL(at('stage', '/ims/signed-out'));
      assert.deepEqual([await me(context, 'acme'), await me(context, 'stage')], [401, 401]);
    }));

  it('the public one serves its public pages, and refuses all others with a page', () =>
    inBrowser(async (page, context) => {
      await signIn(page);
      const asset = await page.goto(at('tracking', '/res/logo.txt'));
      assert.deepEqual([asset.status(), await asset.text()], [200, 'public asset']);
      world.campaign.forget();
      for (const [path, status] of [['/view/home', 403], ['/', 403], ['/nl/jsp/logon.jsp', 403], ['/ims/me', 404], ['/ims/login', 404]]) {
        const answer = await page.goto(at('tracking', path));
        assert.deepEqual([answer.status(), page.url()], [status, at('tracking', path)]);
        assert.match(await answer.headerValue('content-type'), /^text\/html/);
        assert.ok((await page.textContent('h1')).length > 0, path);
        assert.ok((await page.textContent('body')).includes(await answer.headerValue('x-request-id')), path);
        if (path === '/view/home') await shot(page, 'public-instance');
      }
      // The browser asks for the icon of the page by itself, and it is public.
      assert.deepEqual(world.campaign.requests.filter(({ url }) => url !== '/favicon.ico'), []);
      assert.deepEqual((await context.cookies()).filter(({ domain }) => domain === HOSTS.tracking), []);
      const unknown = await page.goto(world.gateway.url.replace('localhost', 'other.localhost'));
      assert.equal(unknown.status(), 421);
      await shot(page, 'unknown-host');
    }));
});
