// The certified OpenID provider `oidc-provider` of npm under the paths of Adobe IMS, with the endpoints that IMS has
// besides OpenID Connect. Only the accounts, the sign-in form and these endpoints are ours.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { bySub, people } from './people.mjs';
import { closeServer, listen } from './net.mjs';

const SCOPES = ['openid', 'AdobeID', 'read_organizations', 'session', 'additional_info.projectedProductContext'];

/**
 * Starts the provider on a free loopback port. With `accessTtl`, access tokens live so many seconds, and refresh tokens are
 * issued. Each works once: if one is used twice, the package revokes the whole grant.
 * With `logoutVia`, the logout first redirects to this address, which redirects to its parameter `to`.
 * With `keepAlive`, connections without a request stay open so many milliseconds, instead of Node's five seconds.
 *
 * Returns `url`, `clientId`, `clientSecret`, `seen` (requests as `METHOD /path`), `ended` (browser sessions ended by
 * logout) `tokenIsLive(token)` and
 * `revokeGrantOf(token)`.
 */
export async function startProvider({ redirectUris, accessTtl, keepAlive, logoutVia }) {
  const clientId = 'Campaign1';
  const clientSecret = randomBytes(24).toString('base64url');
  const app = createServer(keepAlive ? { keepAliveTimeout: keepAlive } : {});
  const port = await listen(app);
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(url, configuration({ clientId, clientSecret, redirectUris, accessTtl }));
  const state = { seen: [], ended: [] };
  const origins = redirectUris.map((uri) => new URL(uri).origin);

  provider.use(imsAddresses(provider, { clientId, origins, state, logoutVia })); // runs before the provider's own routes
  provider.on('server_error', (_ctx, error) => console.error('provider:', error));
  app.on('request', provider.callback());

  return {
    url,
    port,
    clientId,
    clientSecret,
    ...state,
    tokenIsLive: async (token) => Boolean(await provider.AccessToken.find(token)),
    /** Revokes the grant of this token, as an administrator would. */
    revokeGrantOf: async (token) => {
      const { grantId } = await provider.AccessToken.find(token);
      await provider.RefreshToken.revokeByGrantId(grantId);
    },
    stop: () => closeServer(app),
  };
}

function configuration({ clientId, clientSecret, redirectUris, accessTtl }) {
  return {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', ...(accessTtl ? ['refresh_token'] : [])],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    jwks: { keys: [{ ...signingKey(), alg: 'RS256', use: 'sig', kid: 'ims-key-1' }] },
    clientAuthMethods: ['client_secret_post'],
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: SCOPES,
    claims: { openid: ['sub', 'email', 'email_verified', 'name', 'given_name', 'account_type'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId }, rpInitiatedLogout: { enabled: false } },
    routes: {
      authorization: '/ims/authorize/v2',
      token: '/ims/token/v3',
      jwks: '/ims/keys',
      userinfo: '/ims/userinfo/v2',
      revocation: '/ims/revoke',
    },
    interactions: { url: (_ctx, interaction) => `/ims/sign-in/${interaction.uid}` },
    ttl: { Session: 86400, AccessToken: accessTtl ?? 86400, AuthorizationCode: 60, IdToken: 3600, Interaction: 600, Grant: 86400, RefreshToken: 86400 },
    // Like IMS with the scope offline_access: no consent page.
    issueRefreshToken: () => Boolean(accessTtl),
    rotateRefreshToken: true,
    findAccount: (_ctx, sub) => {
      const person = bySub(sub);
      return person && { accountId: sub, claims: async () => claims(person) };
    },
    // IMS asks for no consent: every scope of a provisioned client is granted.
    async loadExistingGrant(ctx) {
      const { client, session, params } = ctx.oidc;
      const grantId = session.grantIdFor(client.clientId);
      const grant =
        (grantId && (await ctx.oidc.provider.Grant.find(grantId))) ||
        new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope(params.scope);
      await grant.save();
      return grant;
    },
  };
}

/** A new RSA key as JWK. Made with openssl, because Node 20 sometimes deadlocks when it exports a new key. */
function signingKey() {
  const args = ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
  return createPrivateKey(execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })).export({ format: 'jwk' });
}

const claims = ({ sub, email, name }) => ({
  sub,
  email,
  email_verified: true,
  name,
  given_name: name.split(' ')[0],
  account_type: 'ent',
});

/** The endpoints of IMS besides OpenID Connect. */
function imsAddresses(provider, { clientId, origins, state, logoutVia }) {
  return async (ctx, next) => {
    state.seen.push(`${ctx.method} ${ctx.path}`);
    ctx.set('x-debug-id', randomBytes(8).toString('hex'));
    if (ctx.path === '/ims/.well-known/openid-configuration') ctx.path = '/.well-known/openid-configuration';
    if (ctx.path.startsWith('/ims/sign-in/')) return signIn(provider, ctx);
    if (/^\/ims\/organizations\/v[56]$/.test(ctx.path)) {
      return withToken(provider, ctx, 'read_organizations', (person) => person.organizations);
    }
    if (ctx.path === '/ims/profile/v1') {
      return withToken(provider, ctx, 'additional_info.projectedProductContext', (person) => ({
        displayName: person.name,
        email: person.email,
        userId: person.sub,
        roles: [],
        projectedProductContext: person.products,
      }));
    }
    if (ctx.path === '/ims/validate_token/v1' && ctx.method === 'POST') return validateToken(provider, ctx, clientId);
    if (ctx.path === '/ims/logout/v1') return logout(provider, ctx, { clientId, origins, state, logoutVia });
    await next();
    // IMS lists this name, which is in no standard.
    if (ctx.path === '/.well-known/openid-configuration') ctx.body.grant_types_supported.push('implicit_grant');
  };
}

async function signIn(provider, ctx) {
  const { prompt } = await provider.interactionDetails(ctx.req, ctx.res);
  if (ctx.method === 'POST') {
    const person = people[(await form(ctx)).get('username')];
    if (person && prompt.name === 'login') {
      ctx.respond = false;
      return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: person.sub } });
    }
    ctx.status = 400;
  }
  ctx.type = 'html';
  ctx.body = `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1>
<form method="post"><label>Name <input name="username" required></label><button type="submit">Continue</button></form>`;
}

/** Answers with `give` for the account of a valid bearer token; otherwise 401 or 403. */
async function withToken(provider, ctx, scope, give) {
  const value = /^Bearer (\S+)$/i.exec(ctx.get('authorization'))?.[1];
  const token = value && (await provider.AccessToken.find(value));
  if (!token) {
    ctx.status = 401;
    ctx.body = { error: 'invalid_token', error_description: 'the token is unknown, expired or revoked' };
  } else if (!token.scopes.has(scope)) {
    ctx.status = 403;
    ctx.body = { error: 'insufficient_scope', error_description: scope };
  } else {
    ctx.body = give(bySub(token.accountId));
  }
}

async function validateToken(provider, ctx, clientId) {
  const fields = await form(ctx);
  const token = fields.get('token') && (await provider.AccessToken.find(fields.get('token')));
  ctx.body =
    token && fields.get('client_id') === clientId
      ? { valid: true, token: { user_id: token.accountId, client_id: token.clientId, scope: token.scope } }
      : { valid: false, reason: 'expired_token' };
}

/** Ends the browser's session and redirects to an address of the client. */
async function logout(provider, ctx, { clientId, origins, state, logoutVia }) {
  const { client_id: client, redirect_uri: target } = ctx.query;
  const registered = typeof target === 'string' && URL.canParse(target) && origins.includes(new URL(target).origin);
  if (client !== clientId || !registered) {
    ctx.redirect('https://www.adobe.com/'); // what IMS does with an address it does not know
    return;
  }
  const session = await provider.Session.get(ctx);
  if (session.accountId) {
    state.ended.push(session.accountId);
    await session.destroy();
  }
  ctx.cookies.set(provider.cookieName('session'), null);
  ctx.redirect(logoutVia ? `${logoutVia}?${new URLSearchParams({ to: target })}` : target);
}

async function form(ctx) {
  let text = '';
  for await (const chunk of ctx.req.setEncoding('utf8')) text += chunk;
  return new URLSearchParams(text);
}
