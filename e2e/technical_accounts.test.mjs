// Technical accounts through `imsgate demo`: the official SDK, and the addresses that programs use besides SOAP.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import sdk from '@adobe/acc-js-sdk';
import { send } from './lib/browser.mjs';
import { clientCredentials, startDemo } from './lib/gateway.mjs';

const { ConnectionParameters } = sdk;
const DATABASE_ID = 'uFE80000000000000F1FA913DD7CC7C480041161C';

describe('a technical account of the demo', () => {
  let demo;
  let token;
  before(async () => {
    demo = await startDemo();
    // axios uses node's own client; the certificate of the demo is only in memory.
    Object.assign(https.globalAgent.options, { rejectUnauthorized: false, family: 4 });
    token = await clientCredentials(demo);
  });
  after(() => demo?.stop());

  it('the SDK calls with ofImsBearerToken', async () => {
    const client = await sdk.init(ConnectionParameters.ofImsBearerToken(demo.url, token, { noStorage: true }));
    await client.logon();
    assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
    assert.equal((await client.ping()).status, 'OK');
    assert.equal((await client.mcPing()).status, 'Ok');
  });

  it('the SDK logs on with ofBearerToken and uses the tokens of Campaign', async () => {
    const client = await sdk.init(ConnectionParameters.ofBearerToken(demo.url, token, { noStorage: true }));
    await client.logon();
    assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
    await client.logoff();
  });

  it('the SDK gets the fault of an expired session for a token that is not accepted, and its callback helps', async () => {
    let expirations = 0;
    const options = { noStorage: true, refreshClient };
    async function refreshClient(client) {
      expirations += 1;
      client.reinit(ConnectionParameters.ofImsBearerToken(demo.url, token, options));
      await client.logon();
      return client;
    }
    const stale = `${token.slice(0, -8)}AAAAAAAA`;
    const client = await sdk.init(ConnectionParameters.ofImsBearerToken(demo.url, stale, options));
    await client.logon();
    assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
    assert.equal(expirations, 1);
  });

  it('uploads, downloads and reports', async () => {
    const form = '--b\r\nContent-Disposition: form-data; name="file_noMd5"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n';
    const call = (path, options = {}) =>
      send(`${demo.url}${path}`, {
        insecure: true,
        ...options,
        headers: { authorization: `Bearer ${token}`, ...options.headers },
      });
    const upload = await call('/nl/jsp/uploadFile.jsp', {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: form,
    });
    assert.match(upload.text, /^Ok/);
    const download = await call('/nl/jsp/downloadFile.jsp?md5=5d41&ext=txt&fileName=a.txt');
    assert.equal(download.text, 'content of 5d41');
    const report = await call('/report/deliveryFeedback?_noRender=true', { method: 'POST', body: '' });
    assert.match(report.text, /^<ctx/);
    const refused = await send(`${demo.url}/nl/jsp/ping.jsp`, { insecure: true });
    assert.equal(refused.status, 401);
  });
});
