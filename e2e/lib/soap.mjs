// Campaign's SOAP router: logon, logoff and the few methods that the official SDK needs.
import { randomBytes, randomUUID } from 'node:crypto';
import { bearerLogin, identify } from './caller.mjs';

const EXPIRED = 'XSV-350008 Session has expired or is invalid. Please reconnect.';

/** Answers one SOAP call; puts the method's name into `record.soap`. */
export async function soapRouter(world, request, response, record) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  const method = /<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)/.exec(body)?.[1];
  record.soap = method;
  const parameters = parametersOf(body, method);
  if (method === 'BearerTokenLogon') {
    const who = await bearerLogin(world, parameters[0]);
    if (!who) return send(response, 403, fault('XSV-350012 Invalid login or password.'));
    return send(response, 200, logon(world, method, who.login, parameters[0]));
  }
  const who = await authorized(world, request, parameters);
  if (!who) return send(response, 403, fault(EXPIRED));
  if (method === 'Logoff') {
    world.sessions.delete(who.token);
    world.logoffs.push(who.token);
  }
  const answer = METHODS[method];
  if (!answer) return send(response, 500, fault(`SOP-330006 The method '${method}' is not defined in the SOAP service.`));
  send(response, 200, envelope(`<${method}Response xmlns='urn:xtk:session'>${answer(who)}</${method}Response>`));
}

/** A SOAP fault with `text` as its string. */
export const fault = (text) =>
  envelope(
    `<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring>${text}</faultstring>` +
      '<detail></detail></SOAP-ENV:Fault>',
  );

/** A session also needs its security token, Campaign's protection against cross-site requests. */
async function authorized(world, request) {
  const who = await identify(world, request);
  if (!who?.token) return who;
  return request.headers['x-security-token'] === who.security ? who : undefined;
}

function logon(world, method, login, bearer) {
  const token = `___${randomUUID().toUpperCase()}`;
  const security = `@${randomBytes(24).toString('base64')}`;
  world.sessions.set(token, { token, security, login });
  world.logons.push({ token, security, login, bearer });
  return envelope(`<${method}Response xmlns='urn:xtk:session'>
 <pstrSessionToken xsi:type='xsd:string'>${token}</pstrSessionToken>
 <pSessionInfo xsi:type='ns:Element'><sessionInfo>
  <serverInfo buildNumber="9219" minClientBuildNumber="8969" advisedClientBuildNumber="0" releaseName="20.3"
   instanceName="acme" sessionTimeOut="86400" securityTimeOut="86400"/>
  ${userInfo(login)}</sessionInfo></pSessionInfo>
 <pstrSecurityToken xsi:type='xsd:string'>${security}</pstrSecurityToken></${method}Response>`);
}

const userInfo = (login) =>
  `<userInfo login="${login}" loginCS="${login}" loginId="1059" noConsoleCnx="false" locale="en" timezone="Europe/Paris">
   <login-group id="1060"/><login-right right="admin"/><installed-package name="campaign" namespace="nms"/></userInfo>`;

const METHODS = {
  Logoff: () => '',
  GetUserInfo: (who) => `<pUserInfo xsi:type='ns:Element'>${userInfo(who.login)}</pUserInfo>`,
  GetOption: () => `<pstrValue xsi:type='xsd:string'>uFE80000000000000F1FA913DD7CC7C480041161C</pstrValue><pbType xsi:type='xsd:byte'>6</pbType>`,
  GetEntityIfMoreRecent: () => `<pdomDoc xsi:type='ns:Element'>${SCHEMA}</pdomDoc>`,
};

const SCHEMA = `<schema namespace="xtk" name="session"><element name="userInfo"/><methods>
 <method name="GetOption" static="true"><parameters><param name="name" type="string"/>
  <param inout="out" name="value" type="string"/><param inout="out" name="type" type="byte"/></parameters></method>
 <method name="GetUserInfo" static="true"><parameters><param name="userInfo" type="sessionUserInfo" inout="out"/></parameters></method>
</methods></schema>`;

/** The texts of a method's parameters by position, without the session token that comes first. */
function parametersOf(body, method) {
  const inner = new RegExp(`<(?:[\\w-]+:)?${method}\\b[^>]*>([\\s\\S]*?)</(?:[\\w-]+:)?${method}>`).exec(body)?.[1] ?? '';
  const elements = inner.matchAll(/<([\w:-]+)\b[^>]*?(?:\/>|>([\s\S]*?)<\/\1>)/g);
  return [...elements].slice(1).map(([, , text]) => (text ?? '').trim());
}

const envelope = (body) => `<?xml version='1.0'?><SOAP-ENV:Envelope xmlns:xsd='http://www.w3.org/2001/XMLSchema'
 xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:ns='http://xml.apache.org/xml-soap'
 xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'><SOAP-ENV:Body>${body}</SOAP-ENV:Body></SOAP-ENV:Envelope>`;

function send(response, status, xml) {
  response.writeHead(status, { 'content-type': 'text/xml; charset=utf-8', 'content-length': Buffer.byteLength(xml) });
  response.end(xml);
}
