// Forms that are redirected through hosts unknown to the gateway, and what a browser shows after the sign-out.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { launch } from './lib/chromium.mjs';
import { closeServer, eventually, listen } from './lib/net.mjs';
import { startWorld } from './lib/world.mjs';

describe('forms and sign-out in a browser', () => {
  let world;
  let chromium;
  let hop;
  const hops = [];
  before(async () => {
    // Every name under `localhost` resolves to loopback (RFC 6761 §6.3), and is another host for the browser.
    hop = createServer((request, response) => {
      hops.push(request.headers.host);
      const to = new URL(request.url, 'http://hop').searchParams.get('to');
      response.writeHead(to ? 302 : 200, to ? { location: to } : { 'content-type': 'text/html' });
      response.end('<!doctype html><title>Elsewhere</title><h1>Saved elsewhere</h1>');
    });
    const port = await listen(hop);
    const elsewhere = `http://files.localhost:${port}/done`;
    world = await startWorld({
      idleTimeout: '8s',
      logoutVia: `http://auth.localhost:${port}/hop`,
      saveVia: `http://other.localhost:${port}/hop?${new URLSearchParams({ to: elsewhere })}`,
    });
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await world?.stop();
    await closeServer(hop);
  });

  async function signedIn(work, path = '/view/home') {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    hops.splice(0);
    try {
      await page.goto(world.gateway.url + path);
      await page.fill('[name=username]', 'alice');
      await Promise.all([page.waitForURL(world.gateway.url + path), page.click('button')]);
      await work(page, context);
    } finally {
      await context.close();
    }
  }

  for (const start of ['/ims/logout', '/ims/me']) {
    it(`a sign-out from ${start} ends on the page that says so, over hosts of IMS`, () =>
      signedIn(async (page) => {
        await page.goto(world.gateway.url + start);
        await page.click('form[action="/ims/logout"] button');
        await page.waitForURL(`${world.gateway.url}/ims/signed-out`);
        assert.match(hops[0], /^auth\.localhost/);
      }));
  }

  it('"Back" after the sign-out shows nothing of Campaign', () =>
    signedIn(async (page) => {
      assert.match(await page.textContent('h1'), /Welcome/);
      await page.goto(`${world.gateway.url}/ims/logout`);
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.request().method() === 'POST'),
        page.click('form[action="/ims/logout"] button'),
      ]);
      assert.equal(await answer.headerValue('clear-site-data'), '"cache"');
      await page.waitForURL(`${world.gateway.url}/ims/signed-out`);
      await page.evaluate(() => history.go(-2));
      await eventually('the browser asks again', async () => !page.url().endsWith('/ims/signed-out'));
      await page.waitForLoadState();
      assert.doesNotMatch(await page.textContent('body'), /Welcome/);
    }));

  it('a saved form whose answer redirects over another host ends where Campaign wants it', () =>
    signedIn(async (page, context) => {
      await page.fill('#elsewhere [name=label]', 'Winter');
      await eventually('the session is over', async () => {
        const me = await context.request.get(`${world.gateway.url}/ims/me`, { headers: { accept: 'application/json' } });
        return me.status() === 401;
      }, 30_000);
      await page.click('#elsewhere button');
      await page.waitForURL(/\/ims\/resume/);
      await page.click('text=Send now');
      await page.waitForURL(/files\.localhost/);
      assert.equal(await page.textContent('h1'), 'Saved elsewhere');
    }, '/view/edit'));
});
