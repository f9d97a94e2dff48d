// A session expires while somebody fills in a form, in a real browser, with the certified provider as IMS.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launch, shot } from './lib/chromium.mjs';
import { eventually } from './lib/net.mjs';
import { startWorld } from './lib/world.mjs';

describe('a session that ends in the middle of work', () => {
  let world;
  let chromium;
  before(async () => {
    world = await startWorld({ idleTimeout: '8s' });
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await world?.stop();
  });

  /** Runs `work` with a page on which alice is signed in. */
  async function atWork(work) {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 720 } });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    try {
      await page.goto(`${world.gateway.url}/view/edit`);
      await page.fill('[name=username]', 'alice');
      await pressed(page, 'button');
      assert.equal(page.url(), `${world.gateway.url}/view/edit`);
      world.campaign.forget();
      await work(page, context);
    } finally {
      await context.close();
    }
  }

  /** Waits until the session has expired. These requests do not count as use. */
  const sessionIsOver = (context) =>
    eventually('the session is over', async () => {
      const me = await context.request.get(`${world.gateway.url}/ims/me`, { headers: { accept: 'application/json' } });
      return me.status() === 401;
    }, 30_000);

  const saved = () => world.campaign.requests.filter(({ method, url }) => method === 'POST' && url.startsWith('/view/save'));

  it('a form is kept over a silent sign-in, confirmed, and arrives exactly once', () =>
    atWork(async (page, context) => {
      await page.fill('#plain [name=label]', 'Winter \u2603 & <b>');
      await sessionIsOver(context);
      await pressed(page, '#plain button');
      assert.equal(new URL(page.url()).pathname, '/ims/resume', 'nobody had to type a name');
      assert.deepEqual(saved(), []);
      const text = await page.textContent('main');
      for (const words of ['/view/save', 'alice@example.com', 'Send now', 'Do not send']) assert.ok(text.includes(words), text);
      await shot(page, 'send-what-you-entered');
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.setViewportSize({ width: 320, height: 640 });
      await shot(page, 'send-what-you-entered-narrow-dark');

      const answer = await pressed(page, 'text=Send now');
      assert.equal(answer.status(), 200, await page.textContent('body'));
      assert.equal(page.url(), `${world.gateway.url}/view/save?id=7&lang=%22en%22`, 'the address is the form\u2019s own');
      assert.equal(await page.textContent('h1'), 'Saved');
      assert.equal(saved().length, 1);
      assert.equal(saved()[0].url, '/view/save?id=7&lang=%22en%22');
      assert.equal(saved()[0].form.get('label'), 'Winter \u2603 & <b>');

      const again = await page.reload();
      assert.equal(again.status(), 410);
      await shot(page, 'sent-already');
      await page.goBack();
      assert.equal(saved().length, 1, 'neither reload nor back sends it again');
      assert.equal((await context.cookies()).filter(({ name }) => name.startsWith('__Host-imsgate-kept-')).length, 0);
    }));

  it('an upload is kept to the byte, and relative links of the answer lead where they should', () =>
    atWork(async (page, context) => {
      const buffer = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) & 255));
      await page.fill('#upload [name=label]', 'Logo');
      await page.setInputFiles('#upload [name=file]', { name: 'logo \u00e9.png', mimeType: 'image/png', buffer });
      await sessionIsOver(context);
      await pressed(page, '#upload button');
      await pressed(page, 'text=Send now');
      assert.equal(await page.textContent('h1'), 'Saved');
      const file = saved().at(-1).form.get('file');
      assert.deepEqual([file.name, file.type, saved().length], ['logo \u00e9.png', 'image/png', 1]);
      assert.ok(Buffer.from(await file.arrayBuffer()).equals(buffer));
      await pressed(page, 'text=Back');
      assert.equal(page.url(), `${world.gateway.url}/view/edit`);
    }));

  it('who does not want it sent is back on the page it was on', () =>
    atWork(async (page, context) => {
      await sessionIsOver(context);
      await pressed(page, '#plain button');
      await pressed(page, 'text=Do not send');
      assert.equal(page.url(), `${world.gateway.url}/view/edit`);
      assert.deepEqual(saved(), []);
    }));

  it('what is too large to be kept gets a page that says so', () =>
    atWork(async (page, context) => {
      const buffer = Buffer.alloc(5 << 20, 'x');
      await page.setInputFiles('#upload [name=file]', { name: 'big.bin', mimeType: 'application/octet-stream', buffer });
      await sessionIsOver(context);
      const answer = await pressed(page, '#upload button');
      assert.equal(answer.status(), 401);
      assert.match(await page.textContent('body'), /larger than 1 MB/);
      await shot(page, 'not-kept');
      assert.deepEqual(saved(), []);
    }));
});

/** Presses something and returns the final response. */
async function pressed(page, selector) {
  const [answer] = await Promise.all([page.waitForNavigation(), page.locator(selector).first().click()]);
  return answer;
}
