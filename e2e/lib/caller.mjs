// Who sends a request to the Campaign simulator.

/** The user of this request, from the session cookie, the IMS bearer token or the gateway's headers. */
export async function identify(world, { headers }) {
  const cookie = /(?:^|;\s*)__sessiontoken=([^;]*)/.exec(headers.cookie ?? '')?.[1];
  const session = world.sessions.get(cookie || headers['x-session-token']);
  if (session) return session;
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearerLogin(world, bearer);
  if (world.trustHeaders && headers['x-ims-user']) return { login: headers['x-ims-user'] };
  return undefined;
}

/** Asks IMS whom an access token belongs to. */
export async function bearerLogin({ ims }, token) {
  const body = new URLSearchParams({ type: 'access_token', client_id: ims.clientId, token });
  const answer = await (await fetch(`${ims.url}/ims/validate_token/v1`, { method: 'POST', body })).json();
  return answer.valid ? { login: answer.token.user_id } : undefined;
}
