// Token refresh during a session. The certified OpenID provider rotates refresh tokens and revokes the grant on reuse.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './lib/net.mjs';
import { startWorld } from './lib/world.mjs';

const AT_ONCE = 40;
const ACCESS_TTL = 4;

describe('with access tokens of four seconds, campaign.session = "bearer"', () => {
  let world;
  before(async () => (world = await startWorld({ session: 'bearer', accessTtl: ACCESS_TTL })));
  after(() => world?.stop());

  it('many requests on an expired token make one exchange, time after time', async () => {
    const browser = world.browser();
    const echo = async () => {
      const answer = await browser.request(`${world.gateway.url}/xtk/echo`, { headers: { accept: 'application/json' } });
      assert.equal(answer.status, 200, answer.text);
      return answer.json().headers.authorization;
    };
    const exchanges = () => world.ims.seen.filter((line) => line === 'POST /ims/token/v3').length;
    const page = await browser.signIn(`${world.gateway.url}/xtk/echo`, 'alice');
    assert.equal(page.status, 200, page.text);
    let held = page.json().headers.authorization;
    for (let round = 1; round <= 3; round++) {
      // Its lifetime, and one second more because both sides count in whole seconds.
      await new Promise((resolve) => setTimeout(resolve, (ACCESS_TTL + 1) * 1000));
      const before = exchanges();
      const bearers = new Set(await Promise.all(Array.from({ length: AT_ONCE }, echo)));
      assert.equal(bearers.size, 1, 'everybody has the same token');
      assert.ok(!bearers.has(held), 'and it is a new one');
      assert.equal(exchanges(), before + 1);
      [held] = bearers;
    }
  });

  it('the session ends when the provider takes the refresh token no more', async () => {
    const browser = world.browser();
    const page = await browser.signIn(`${world.gateway.url}/xtk/echo`, 'dave');
    const token = page.json().headers.authorization.replace('Bearer ', '');
    await world.ims.revokeGrantOf(token);
    await eventually('the session is over', async () => {
      const answer = await browser.request(`${world.gateway.url}/xtk/echo`, { headers: { accept: 'application/json' } });
      return answer.status === 401;
    }, 20_000);
    assert.match(world.gateway.log(), /invalid_grant/);
  });
});
