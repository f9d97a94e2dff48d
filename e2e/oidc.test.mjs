// Login, forwarding and logout with a certified OpenID provider instead of Adobe IMS.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { verifyAssertion } from './lib/assertion.mjs';
import { Browser } from './lib/browser.mjs';
import { eventually } from './lib/net.mjs';
import { ORGANIZATION, people } from './lib/people.mjs';
import { startWorld } from './lib/world.mjs';

const ACCEPTED = ['alice', 'dave', 'erin'];
const REFUSED = ['bob', 'carol'];
const SESSION = '__Host-imsgate';

describe('with a certified provider, campaign.session = "bearer-logon"', () => {
  let world;
  before(async () => (world = await startWorld()));
  after(() => world?.stop());

  for (const name of ACCEPTED) {
    it(`${name} signs in and the forwarded request says who and with which groups`, async () => {
      const person = people[name];
      const browser = world.browser();
      const page = await browser.signIn(`${world.gateway.url}/xtk/echo?page=1&x=%2F`, name);
      assert.equal(page.status, 200, page.text);
      assert.equal(page.url, `${world.gateway.url}/xtk/echo?page=1&x=%2F`, 'ends on the page asked for');

      const { url, headers } = page.json();
      assert.equal(url, '/xtk/echo?page=1&x=%2F');
      assert.equal(headers['x-ims-user'], person.sub);
      assert.equal(headers['x-ims-email'], person.email);
      assert.equal(headers['x-ims-organization'], ORGANIZATION);
      assert.equal(headers['x-campaign-groups'], person.groups.join(','));
      assert.equal(headers['x-forwarded-proto'], 'https');
      assert.equal(headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(headers['x-forwarded-host'], new URL(world.gateway.url).host);
      assert.ok(headers['x-request-id'], 'a request id');
      const logon = world.campaign.logons.findLast((candidate) => candidate.login === person.sub);
      assert.equal(headers.cookie, `__sessiontoken=${logon.token}`, 'the Campaign session and nothing of the gateway');

      const jwks = await browser.request(`${world.gateway.url}/ims/jwks.json`, { cookies: false });
      const claims = verifyAssertion(headers['x-ims-assertion'], jwks.json());
      assert.equal(claims.iss, world.gateway.url);
      assert.equal(claims.aud, 'campaign');
      assert.equal(claims.sub, person.sub);
      assert.equal(claims.email, person.email);
      assert.equal(claims.org, ORGANIZATION);
      assert.deepEqual(claims.groups, person.groups);
      assert.ok(claims.sid, 'a session id');
      assert.ok(claims.exp - claims.iat <= 300, 'lives five minutes at most');
      assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60 && claims.exp > Date.now() / 1000, 'is valid now');
      assert.ok(!browser.cookie(SESSION).value.includes(claims.sid), 'the session id in it is not the cookie');
    });

    it(`${name} can ask who the gateway thinks ${name} is`, async () => {
      const person = people[name];
      const browser = world.browser();
      await browser.signIn(`${world.gateway.url}/view/home`, name);
      const answer = await browser.request(`${world.gateway.url}/ims/me`, { headers: { accept: 'application/json' } });
      assert.equal(answer.status, 200, answer.text);
      const me = answer.json();
      assert.equal(me.user, person.sub);
      assert.equal(me.email, person.email);
      assert.equal(me.name, person.name);
      assert.equal(me.organization, ORGANIZATION);
      assert.deepEqual(me.groups, person.groups);
      assert.ok(me.expires_at);
      for (const { bearer, token, security } of world.campaign.logons) {
        for (const secret of [bearer, token, security]) assert.ok(!answer.text.includes(secret), 'no token in it');
      }
    });
  }

  for (const name of REFUSED) {
    it(`${name} is refused, keeps no session, and Campaign hears nothing of it`, async () => {
      const browser = world.browser();
      const logons = world.campaign.logons.length;
      world.campaign.forget();
      const page = await browser.signIn(`${world.gateway.url}/view/home`, name);
      assert.equal(page.status, 403, page.text);
      assert.match(page.headers['content-type'], /^text\/html/);
      assert.ok(!page.text.includes('Welcome'), 'nothing of Campaign');
      assert.ok(page.text.includes(ORGANIZATION) || page.text.includes('Acme'), 'says which organisation was used');
      for (const miss of ['acme2', 'acme -  delivery', 'Globex']) assert.ok(!page.text.includes(miss), `does not tell ${miss}`);
      const id = page.headers['x-request-id'];
      assert.ok(id && page.text.includes(id), 'the page shows its request id');
      await eventually('the log has the request id of the page', () => world.gateway.log().includes(id));

      assert.ok(!browser.cookie(SESSION)?.value, 'no session cookie');
      assert.equal(world.campaign.logons.length, logons, 'no logon at Campaign');
      assert.deepEqual(world.campaign.requests.filter((r) => r.url.startsWith('/view')), []);
      const again = await browser.request(`${world.gateway.url}/xtk/echo`, { headers: { accept: 'application/json' } });
      assert.equal(again.status, 401);
    });
  }

  it('the session cookie is a host-only, HttpOnly, Secure, SameSite cookie', async () => {
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
    const cookie = browser.cookie(SESSION);
    assert.deepEqual([cookie.secure, cookie.httpOnly, cookie.path], [true, true, '/']);
    assert.ok(['lax', 'strict'].includes(cookie.sameSite), `SameSite=${cookie.sameSite}`);
    assert.ok(cookie.value.length >= 22, 'at least 128 bits in base64url');
  });

  it("Campaign's own session cookie stays in the gateway", async () => {
    const browser = world.browser();
    const page = await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
    assert.match(page.text, /Welcome/);
    assert.equal(browser.cookie('__sessiontoken'), undefined);
  });

  it('a client cannot say who it is', async () => {
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'erin');
    const forged = {
      'X-Ims-User': 'mallory',
      'x_ims_user': 'mallory',
      'X-Campaign-Groups': 'admin',
      'X_Campaign_Groups': 'admin',
      'X-IMS-Assertion': 'e30.e30.e30',
      Connection: 'close, X-Ims-User, X-Campaign-Groups',
      'X-Forwarded-For': '10.1.1.1',
      'X-Forwarded-Host': 'evil.example',
    };
    const answer = await browser.request(`${world.gateway.url}/xtk/echo`, { headers: forged });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(!answer.text.includes('mallory') && !answer.text.includes('evil.example') && !answer.text.includes('10.1.1.1'));
    const { headers } = answer.json();
    assert.equal(headers['x-ims-user'], people.erin.sub);
    assert.equal(headers['x-campaign-groups'], 'report');
  });

  it('three logins of one browser at once each end on their own page', async () => {
    const browser = world.browser();
    const addresses = [1, 2, 3].map((tab) => `${world.gateway.url}/xtk/echo?tab=${tab}`);
    const forms = [];
    for (const address of addresses) forms.push(await browser.navigate(address));
    for (const index of [2, 0, 1]) {
      const page = await browser.submit(forms[index], { username: 'alice' });
      assert.equal(page.status, 200, page.text);
      assert.equal(page.url, addresses[index]);
    }
  });

  it('a callback that comes twice starts the login again instead of failing', async () => {
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
    const callback = browser.trail.find(({ url }) => url.includes('/ims/callback?')).url;
    const stranger = world.browser();
    const page = await stranger.navigate(callback);
    assert.ok(!stranger.cookie(SESSION)?.value, 'a stolen callback gives nobody a session');
    assert.ok(page.status < 500, `${page.status}`);
    const again = await browser.navigate(callback);
    assert.ok(again.status < 500, `${again.status} ${again.text}`);
  });

  it('signing out ends the session here, at Campaign and at IMS', async () => {
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
    const { token, bearer } = world.campaign.logons.at(-1);
    const stolen = browser.cookie(SESSION).value;
    assert.ok(await world.ims.tokenIsLive(bearer));

    const confirm = await browser.navigate(`${world.gateway.url}/ims/logout`, { from: `${world.gateway.url}/view/home` });
    assert.equal(confirm.status, 200, confirm.text);
    assert.ok(await world.ims.tokenIsLive(bearer), 'asking for the page ends nothing');
    const page = await browser.submit(confirm, {}, /<form[^>]*\/ims\/logout[^>]*>[\s\S]*?<\/form>/i);
    assert.equal(page.url.split('?')[0], `${world.gateway.url}/ims/signed-out`);
    assert.equal(page.status, 200);

    assert.ok(browser.trail.some(({ url }) => url.startsWith(`${world.ims.url}/ims/logout/v1?`)), 'went by way of IMS');
    assert.equal(world.ims.ended.at(-1), people.alice.sub);
    await eventually('Campaign saw the logoff', () => world.campaign.logoffs.includes(token));
    await eventually('IMS revoked the token', async () => !(await world.ims.tokenIsLive(bearer)));
    assert.ok(world.ims.seen.includes('POST /ims/revoke'));
    assert.ok(!browser.cookie(SESSION)?.value, 'the cookie is gone');

    const replay = { cookie: `${SESSION}=${stolen}` };
    const thief = new Browser({ ca: world.gateway.ca });
    const api = await thief.request(`${world.gateway.url}/xtk/echo`, { headers: { ...replay, accept: 'application/json' } });
    assert.equal(api.status, 401);
    const html = await thief.request(`${world.gateway.url}/view/home`, { headers: { ...replay, accept: 'text/html', 'sec-fetch-mode': 'navigate' } });
    assert.equal(html.status, 303);
    assert.ok(html.headers.location.startsWith(`${world.ims.url}/ims/authorize/v2?`));

    const form = await browser.navigate(`${world.gateway.url}/view/home`);
    assert.ok(form.text.includes('name="username"'), 'IMS asks for the name again');
  });

  it('no secret is ever written to the log', () => {
    const log = world.gateway.log();
    const secrets = [world.ims.clientSecret];
    for (const { bearer, token, security } of world.campaign.logons) secrets.push(bearer, token, security);
    for (const secret of secrets) assert.ok(!log.includes(secret), `${secret.slice(0, 6)}… is in the log`);
  });
});

describe('campaign.session = "bearer"', () => {
  let world;
  before(async () => (world = await startWorld({ session: 'bearer' })));
  after(() => world?.stop());

  it("every request carries the user's own IMS token, whatever the client sends", async () => {
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'dave');
    const answer = await browser.request(`${world.gateway.url}/xtk/echo`, { headers: { authorization: 'Bearer forged' } });
    assert.equal(answer.status, 200, answer.text);
    const [, token] = /^Bearer (\S+)$/.exec(answer.json().headers.authorization);
    assert.ok(await world.ims.tokenIsLive(token));
    assert.equal(world.campaign.logons.length, 0, 'no logon in this mode');
  });
});

describe('campaign.session = "headers"', () => {
  let world;
  before(async () => (world = await startWorld({ session: 'headers' })));
  after(() => world?.stop());

  it('Campaign gets identity headers and no token', async () => {
    const browser = world.browser();
    const page = await browser.signIn(`${world.gateway.url}/xtk/echo`, 'dave');
    assert.equal(page.status, 200, page.text);
    const { headers } = page.json();
    assert.equal(headers['x-campaign-groups'], 'content');
    assert.equal(headers.authorization, undefined);
    assert.equal(headers.cookie, undefined);
    assert.equal(world.campaign.logons.length, 0);
  });
});
