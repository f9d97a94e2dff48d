// The official, unmodified JavaScript SDK of Adobe Campaign, connected to the gateway.
//
// The SDK calls its `refreshClient` callback when the text of a response has XSV-350008, whatever the HTTP status (src/soap.js
// and src/campaign.js of the package). It treats this as a 401 and repeats the call once with the new client.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import sdk from '@adobe/acc-js-sdk';
import { startWorld } from './lib/world.mjs';

const { ConnectionParameters } = sdk;
const SESSION = '__Host-imsgate';
const DATABASE_ID = 'uFE80000000000000F1FA913DD7CC7C480041161C'; // what the stand-in answers
const httpTransport = sdk._transport(); // the SDK's own, axios

for (const session of ['bearer-logon', 'bearer']) {
  describe(`the official SDK, campaign.session = "${session}"`, () => {
    let world;
    let token;
    before(async () => {
      world = await startWorld({ session });
      // axios uses node's own client: this is how an application trusts a private authority.
      Object.assign(https.globalAgent.options, { ca: world.gateway.ca, family: 4 });
      token = await accessToken(world);
    });
    after(() => world?.stop());

    const { ofImsBearerToken, ofSessionToken, ofSessionAndSecurityToken, ofSecurityToken } = ConnectionParameters;
    const connections = {
      ofImsBearerToken: (options) => ofImsBearerToken(world.gateway.url, token, options),
      ofSessionToken: (options) => ofSessionToken(world.gateway.url, '___EXPIRED', options),
      ofSessionAndSecurityToken: (options) => ofSessionAndSecurityToken(world.gateway.url, '___EXPIRED', '@old', options),
      ofSecurityToken: (options) => ofSecurityToken(world.gateway.url, '@old', options),
    };

    // After signing in again, a client drops its old session token: a token of another session is refused.
    const renewed = { ...connections, ofSessionToken: connections.ofImsBearerToken };

    for (const [name, connect] of Object.entries(connections)) {
      it(`${name} without a session of the gateway gets the session-expired fault`, async () => {
        world.campaign.forget();
        const client = await sdk.init(connect({ noStorage: true }));
        await client.logon();
        await assert.rejects(client.getOption('XtkDatabaseId'), (error) => {
          assert.equal(error.name, 'CampaignException');
          assert.equal(error.statusCode, 401, error.message);
          assert.match(error.message, /Session has expired or is invalid\. Please reconnect/);
          return true;
        });
        assert.deepEqual(world.campaign.requests, [], 'Campaign saw nothing');
      });
    }

    for (const name of ['ofImsBearerToken', 'ofSessionToken']) {
      it(`${name}: the expired-session callback runs, signs in, and the call succeeds`, async () => {
        const jar = {};
        let expirations = 0;
        const options = { noStorage: true, transport: pageTransport(jar), refreshClient };
        async function refreshClient(client) {
          expirations += 1;
          jar.cookie = await gatewayCookie(world);
          client.reinit(renewed[name](options));
          await client.logon();
          return client;
        }
        const client = await sdk.init(connections[name](options));
        await client.logon();
        assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
        assert.equal(expirations, 1);

        const seen = world.campaign.requests.length;
        assert.equal(await client.getOption('XtkDatabaseId', false), DATABASE_ID);
        assert.equal(world.campaign.requests.length, seen + 1, 'goes straight through');
        assert.equal(expirations, 1);
      });
    }

    it('ofUserAndPassword signs in with a console password, works, and signs out', async () => {
      const browser = world.browser();
      await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
      const made = await browser.request(`${world.gateway.url}/ims/me/console-password`, {
        method: 'POST',
        headers: { accept: 'application/json', 'sec-fetch-site': 'same-origin' },
      });
      const { login, password } = made.json();
      const connection = ConnectionParameters.ofUserAndPassword(world.gateway.url, login, password, { noStorage: true });
      const client = await sdk.init(connection);
      await client.logon();
      assert.equal(client.isLogged(), true);
      assert.equal(await client.getOption('XtkDatabaseId'), DATABASE_ID);
      world.campaign.forget();
      const again = await sdk.init(ConnectionParameters.ofUserAndPassword(world.gateway.url, login, password, { noStorage: true }));
      await assert.rejects(again.logon(), /Invalid login or password/);
      assert.deepEqual(world.campaign.requests, [], 'Campaign never sees the password');
    });

    it('the public health page answers without any session', async () => {
      const client = await sdk.init(ConnectionParameters.ofAnonymousUser(world.gateway.url, { noStorage: true }));
      assert.equal((await client.test()).status, 'OK');
    });
  });
}

/** The SDK in a page of the gateway's origin: the browser adds the cookie and the fetch metadata. */
function pageTransport(jar) {
  return ({ headers, ...request }, options) => {
    const added = jar.cookie ? { Cookie: jar.cookie, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' } : {};
    return httpTransport({ ...request, headers: { ...headers, ...added } }, options);
  };
}

async function gatewayCookie(world) {
  const browser = world.browser();
  await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
  return `${SESSION}=${browser.cookie(SESSION).value}`;
}

/** A live IMS access token, which alone must not open the gateway. */
async function accessToken(world) {
  const browser = world.browser();
  const page = await browser.signIn(`${world.gateway.url}/xtk/echo`, 'alice');
  return world.campaign.logons[0]?.bearer ?? page.json().headers.authorization.split(' ')[1];
}
