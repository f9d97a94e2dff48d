// The five accounts, in the formats of IMS. They differ in what IMS varies.

export const ORGANIZATION = '4E3D60F754C8E5D0A4C98A2@AdobeOrg';
export const MASK = 'Campaign - acme - (.*)';
export const PRODUCT_CONTEXT = 'dma_campaign_classic';

const [OWN_IDENT] = ORGANIZATION.split('@');
const FOREIGN_IDENT = '9A1B60F754C8E5D0A4C98B7';

const own = (groups) => ({
  orgName: 'Acme',
  orgRef: { ident: OWN_IDENT, authSrc: 'AdobeOrg' },
  orgType: 'Enterprise',
  ...(groups && { groups }),
});
const foreign = (groups) => ({
  orgName: 'Globex',
  orgRef: { ident: FOREIGN_IDENT, authSrc: 'AdobeOrg' },
  orgType: 'Enterprise',
  groups,
});
const group = (groupName, ident) => ({
  groupName,
  role: 'TEAM_MEMBER',
  ident,
  groupType: 'USER',
  groupDisplayName: groupName,
});
const profile = (name, serviceCode, owner = ORGANIZATION) => ({
  prodCtx: { owningEntity: owner, groupid: '348994793', user_visible_name: name, serviceCode, statusCode: 'ACTIVE' },
});

/**
 * By the name typed into the sign-in form. `groups` is what the gateway must map, in the order IMS lists them;
 * empty: the sign-in is refused.
 */
export const people = {
  alice: {
    sub: 'A11CE0000000000000000001@acme.e',
    email: 'alice@example.com',
    name: 'Alice Archer',
    organizations: [
      own([
        group('Campaign - acme - delivery', 4711),
        { groupName: '4712', role: 'GRP_ADMIN', ident: '4712', groupDisplayName: 'Campaign - acme - workflow' },
        group('Analytics - acme - users', 4713),
      ]),
    ],
    products: [profile('Analytics Foundation', 'dma_analytics')],
    groups: ['delivery', 'workflow'],
  },
  bob: {
    sub: 'B0B000000000000000000002@acme.e',
    email: 'bob@example.com',
    name: 'Bob Baker',
    organizations: [
      own([
        group('campaign - acme - delivery', 4721),
        group('Campaign - acme -  delivery', 4722),
        group('Campaign - acme2 - delivery', 4723),
        group('Campaign – acme – delivery', 4724),
        group('Campaign - acme - ', 4725),
      ]),
    ],
    products: [profile('Campaign - acme - delivery', 'dma_analytics'), profile('Campaign-acme-delivery', PRODUCT_CONTEXT)],
    groups: [],
  },
  carol: {
    sub: 'CA5010000000000000000003@globex.e',
    email: 'carol@example.com',
    name: 'Carol Clark',
    organizations: [foreign([group('Campaign - acme - delivery', 4731)])],
    products: [profile('Campaign - acme - delivery', PRODUCT_CONTEXT, `${FOREIGN_IDENT}@AdobeOrg`)],
    groups: [],
  },
  dave: {
    sub: 'DA7E00000000000000000004@acme.e',
    email: 'dave@example.com',
    name: 'Dave Diaz',
    organizations: [foreign([group('Campaign - acme - admin', 4741)]), own([group('Campaign - acme - content', 4742)])],
    products: [],
    groups: ['content'],
  },
  erin: {
    sub: 'E51000000000000000000005@acme.e',
    email: 'erin@example.com',
    name: 'Erin Ellis',
    organizations: [own()],
    products: [profile('Campaign - acme - report', PRODUCT_CONTEXT)],
    groups: ['report'],
  },
};

/** The account whose IMS user id is `sub`. */
export const bySub = (sub) => Object.values(people).find((person) => person.sub === sub);
