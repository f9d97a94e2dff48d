// What programs do with the official SDK besides SOAP: uploads, downloads, reports, pings. In each way in which it can be connected
// through the gateway: with the session cookie of a page, as a technical account, and with a console password.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import sdk from '@adobe/acc-js-sdk';
import { Browser } from './lib/browser.mjs';
import { clientCredentials, startDemo } from './lib/gateway.mjs';

const { ConnectionParameters } = sdk;
const DATABASE_ID = 'uFE80000000000000F1FA913DD7CC7C480041161C';
const httpTransport = sdk._transport(); // the SDK's own, axios

describe('the official SDK, way by way', () => {
  let demo;
  before(async () => {
    demo = await startDemo();
    // axios uses node's own client; the certificate of the demo is only in memory.
    Object.assign(https.globalAgent.options, { rejectUnauthorized: false, family: 4 });
  });
  after(() => demo?.stop());

  /** A signed-in browser and Campaign's home page. */
  async function signedIn() {
    const browser = new Browser({ insecure: true });
    const page = await browser.signIn(`${demo.url}/view/home`, 'alice');
    return { browser, security: /name="__securitytoken" value="([^"]*)"/.exec(page.text)[1].replaceAll('&#61;', '=').replaceAll('&#43;', '+') };
  }

  /** The SDK in a page of the gateway's origin: the browser adds the cookie and the fetch metadata. */
  const inPage = (browser) => ({ headers, ...request }, options) => {
    const added = { Cookie: browser.cookieHeader(new URL(demo.url)), 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' };
    return httpTransport({ ...request, headers: { ...headers, ...added } }, options);
  };

  async function consolePassword(browser) {
    const made = await browser.request(`${demo.url}/ims/me/console-password`, {
      method: 'POST',
      headers: { accept: 'application/json', 'sec-fetch-site': 'same-origin' },
    });
    return made.json();
  }

  const ways = {
    'the session cookie and ofSecurityToken': async () => {
      const { browser, security } = await signedIn();
      return ConnectionParameters.ofSecurityToken(demo.url, security, { noStorage: true, transport: inPage(browser) });
    },
    'a technical account and ofImsBearerToken': async () =>
      ConnectionParameters.ofImsBearerToken(demo.url, await clientCredentials(demo), { noStorage: true }),
    'a technical account and ofBearerToken': async () =>
      ConnectionParameters.ofBearerToken(demo.url, await clientCredentials(demo), { noStorage: true }),
    'a console password and ofUserAndPassword': async () => {
      const { login, password } = await consolePassword((await signedIn()).browser);
      return ConnectionParameters.ofUserAndPassword(demo.url, login, password, { noStorage: true });
    },
    'the tokens of a console and ofSessionAndSecurityToken': async () => {
      const { login, password } = await consolePassword((await signedIn()).browser);
      const first = await sdk.init(ConnectionParameters.ofUserAndPassword(demo.url, login, password, { noStorage: true }));
      await first.logon();
      return ConnectionParameters.ofSessionAndSecurityToken(demo.url, first._sessionToken, first._securityToken, { noStorage: true });
    },
  };

  for (const [name, connect] of Object.entries(ways)) {
    it(`with ${name}`, async () => {
      const client = await sdk.init(await connect());
      await client.logon();
      assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
      const query = client.NLWS.xtkQueryDef.create({ schema: 'nms:recipient', operation: 'select', select: { node: [{ expr: '@email' }] } });
      const found = await query.executeQuery();
      assert.deepEqual(found.recipient.map(({ email }) => email), ['first@example.com', 'second@example.com']);
      assert.equal((await client.ping()).status, 'OK');
      assert.equal((await client.mcPing()).status, 'Ok');
      assert.equal(await client.fileUploader.download('5d41', 'txt', { fileName: 'a.txt' }), 'content of 5d41');
      // The SDK uploads from a browser only; this is the request that it makes there.
      const form = new FormData();
      form.append('file_noMd5', new Blob(['abc']), 'a.txt');
      const url = `${demo.url}/nl/jsp/uploadFile.jsp`;
      const uploaded = await client._makeHttpCall({ url, method: 'POST', data: form, headers: client._getAuthHeaders(false) });
      assert.match(uploaded, /^Ok/);
      const report = `${demo.url}/report/deliveryFeedback?_noRender=true`;
      assert.match(await client._makeHttpCall({ url: report, method: 'POST', data: '', headers: client._getAuthHeaders(false) }), /^<ctx/);
      await client.logoff();
    });
  }

  it('a console whose session has ended calls its callback, which signs in again', async () => {
    let { browser } = await signedIn();
    let expirations = 0;
    const { login, password } = await consolePassword(browser);
    const options = { noStorage: true, refreshClient };
    async function refreshClient(client) {
      expirations += 1;
      ({ browser } = await signedIn());
      const fresh = await consolePassword(browser);
      client.reinit(ConnectionParameters.ofUserAndPassword(demo.url, fresh.login, fresh.password, options));
      await client.logon();
      return client;
    }
    const client = await sdk.init(ConnectionParameters.ofUserAndPassword(demo.url, login, password, options));
    await client.logon();
    assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
    await browser.request(`${demo.url}/ims/logout`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin', origin: demo.url } });
    assert.equal(await client.getOption('XtkDatabaseId', false), DATABASE_ID);
    assert.equal(expirations, 1);
  });
});
