//! The audit trail: one line for each sign-in, refusal, sign-out and other session event.

use serde_json::json;

use super::RequestId;

/// Target of every audit line.
pub const TARGET: &str = "audit";

/// The person in an audit line.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// IMS user id.
    pub user: &'a str,
    /// E-mail address, empty if IMS sent none.
    pub email: &'a str,
    /// The required organisation.
    pub organization: &'a str,
}

/// The groups of a person at sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    /// The Campaign groups that the association mask gives.
    pub mapped: &'a [String],
    /// Those that Campaign does not have; `None` when its groups are not known.
    pub not_in_campaign: Option<&'a [String]>,
}

/// A person signed in.
pub fn login(request: RequestId, peer: &str, who: Who<'_>, groups: Groups<'_>, sid: &str) {
    let Who { user, email, organization } = who;
    let missing = groups.not_in_campaign.map(|groups| json!(groups).to_string());
    tracing::info!(target: TARGET, event = "login", %request, peer, user, email, organization, groups = %json!(groups.mapped), groups_not_in_campaign = missing, sid, "signed in");
}

/// What IMS reported about a person who was refused.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Organisation IDs.
    pub organizations: &'a [String],
    /// Configuration names.
    pub names: &'a [String],
    /// Names that almost match the mask, each with the difference.
    pub near: &'a [(String, String)],
    /// Set when the groups exceed `campaign.groups_bytes`.
    pub too_many: Option<TooMany>,
}

/// Groups that exceed the limit for a request head.
#[derive(Clone, Copy, Debug)]
pub struct TooMany {
    /// Number of groups.
    pub count: usize,
    /// Their size in bytes.
    pub bytes: usize,
    /// `campaign.groups_bytes`.
    pub limit: usize,
}

/// A person was refused at sign-in. The line has every configuration name that IMS sent, and the near misses.
pub fn refusal(request: RequestId, peer: &str, who: Who<'_>, reason: &str, seen: Seen<'_>) {
    let Who { user, email, organization } = who;
    let near: Vec<_> = seen.near.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
    tracing::warn!(target: TARGET, event = "refusal", %request, peer, user, email, organization, reason, seen = %json!(seen.names), organizations_seen = %json!(seen.organizations), near_misses = %json!(near), group_count = seen.too_many.map(|all| all.count), groups_bytes = seen.too_many.map(|all| all.bytes), groups_bytes_limit = seen.too_many.map(|all| all.limit), "refused");
}

/// A login failed before the person was known.
pub fn login_failed(request: RequestId, peer: &str, reason: &str) {
    tracing::warn!(target: TARGET, event = "login_failed", %request, peer, reason, "login failed");
}

/// A session ended because a later group check refused the person.
pub fn expelled(request: RequestId, who: Who<'_>, sid: &str, reason: &str, seen: Seen<'_>) {
    let Who { user, email, organization } = who;
    let near: Vec<_> = seen.near.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
    tracing::warn!(target: TARGET, event = "refusal", %request, user, email, organization, sid, reason, seen = %json!(seen.names), organizations_seen = %json!(seen.organizations), near_misses = %json!(near), group_count = seen.too_many.map(|all| all.count), groups_bytes = seen.too_many.map(|all| all.bytes), groups_bytes_limit = seen.too_many.map(|all| all.limit), "refused: groups lost");
}

/// A person's groups changed during a session.
pub fn groups_changed(request: RequestId, who: Who<'_>, sid: &str, before: &[String], groups: &[String]) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "groups_changed", %request, user, email, organization, sid, before = %json!(before), groups = %json!(groups), "groups changed");
}

/// Campaign opened a new session in the place of the one that a person had. `reason`: why.
pub fn campaign_session(request: RequestId, who: Who<'_>, sid: &str, reason: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "campaign_session_opened", %request, user, email, organization, sid, reason, "a new Campaign session is open");
}

/// A request with a session was refused because a page of another origin sent it. The line does not have the query.
pub fn cross_origin(request: RequestId, peer: &str, who: Who<'_>, sid: &str, from: CrossOrigin<'_>) {
    let Who { user, email, organization } = who;
    let CrossOrigin { origin, site, method, path } = from;
    tracing::warn!(target: TARGET, event = "cross_origin_refused", %request, peer, user, email, organization, sid, origin, site, method, path, "refused: a page of another origin sent this request");
}

/// The request in a [`cross_origin`] line.
#[derive(Clone, Copy, Debug)]
pub struct CrossOrigin<'a> {
    /// The header field `Origin`, empty when absent.
    pub origin: &'a str,
    /// The header field `Sec-Fetch-Site`, empty when absent.
    pub site: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
}

/// The technical account in an audit line.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Client ID at IMS.
    pub client_id: &'a str,
    /// IMS user id, empty when the token is refused.
    pub user: &'a str,
    /// Names the token in every line about it: a part of its digest.
    pub sid: &'a str,
}

/// A token of a technical account was accepted for the first time.
pub fn account(request: RequestId, peer: &str, account: Account<'_>, organization: &str, groups: &[String]) {
    let Account { client_id, user, sid } = account;
    tracing::info!(target: TARGET, event = "account", %request, peer, client_id, user, organization, groups = %json!(groups), sid, "token of a technical account accepted");
}

/// A request with a Bearer token was refused. `reason` is a code, `detail` a sentence without any part of the token.
pub fn account_refused(
    request: RequestId,
    peer: &str,
    account: Account<'_>,
    path: &str,
    reason: &str,
    detail: &str,
) {
    let Account { client_id, user, sid } = account;
    tracing::warn!(target: TARGET, event = "account_refused", %request, peer, client_id, user, sid, path, reason, detail, "technical account refused");
}

/// A person signed out everywhere. `ended` counts the sessions that ended beside the requesting one.
pub fn everywhere(request: RequestId, peer: &str, who: Who<'_>, ended: usize) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "sign_out_everywhere", %request, peer, user, email, organization, ended, "signed out everywhere");
}

/// IMS reported by a back-channel logout that a person signed out.
pub fn backchannel_logout(
    request: RequestId,
    peer: &str,
    user: Option<&str>,
    ims_session: Option<&str>,
    ended: usize,
) {
    tracing::info!(target: TARGET, event = "backchannel_logout", %request, peer, user, ims_session, ended, "signed out at the provider");
}

/// An operator ended one session, or all sessions of a person.
pub fn revoked(request: RequestId, user: Option<&str>, sid: Option<&str>, ended: usize) {
    tracing::info!(target: TARGET, event = "revoked", %request, user, sid, ended, "revoked by an operator");
}

/// A session ended otherwise than by its owner's signing out there.
pub fn ended(request: RequestId, who: Who<'_>, sid: &str, reason: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "session_ended", %request, user, email, organization, sid, reason, "session ended");
}

/// A person signed out.
pub fn logout(request: RequestId, peer: &str, who: Who<'_>, sid: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "logout", %request, peer, user, email, organization, sid, "signed out");
}

/// What happened to a form that was submitted after its session ended. The line has neither its body nor its query.
pub fn form(event: FormEvent, request: RequestId, peer: &str, user: &str, path: &str, bytes: usize) {
    let (event, what) = match event {
        FormEvent::Kept => ("form_kept", "form saved until its sender signs in"),
        FormEvent::Sent => ("form_sent", "saved form sent to Campaign"),
        FormEvent::Discarded => ("form_discarded", "saved form discarded by its sender"),
        FormEvent::Dropped => ("form_dropped", "saved form deleted: another person signed in"),
    };
    tracing::info!(target: TARGET, event, %request, peer, user, path, bytes, "{what}");
}

/// The event of a [`form`] line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormEvent {
    /// The form was saved.
    Kept,
    /// The form was sent to Campaign.
    Sent,
    /// The sender chose not to send it.
    Discarded,
    /// Another person signed in, so the form was deleted.
    Dropped,
}

/// A person made a console password, or withdrew it.
pub fn console_password(request: RequestId, peer: &str, who: Who<'_>, sid: &str, made: bool) {
    let Who { user, email, organization } = who;
    let (event, what) = if made {
        ("console_password_made", "console password made")
    } else {
        ("console_password_withdrawn", "console password withdrawn, and consoles signed out")
    };
    tracing::info!(target: TARGET, event, %request, peer, user, email, organization, sid, "{what}");
}

/// A client console signed in with a console password. `build` is the build it names.
pub fn console_logon(request: RequestId, peer: &str, who: Who<'_>, sid: &str, build: Option<u32>) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "console_logon", %request, peer, user, email, organization, sid, build, "client console signed in");
}

/// A logon with a login and a password was refused.
pub fn console_logon_refused(request: RequestId, peer: &str, login: &str, reason: &str) {
    tracing::warn!(target: TARGET, event = "console_logon_refused", %request, peer, login, reason, "client console refused");
}

/// A request held a session token, or a login with a password, that is not of its session.
pub fn foreign_token(request: RequestId, peer: &str, user: &str, found: ForeignToken<'_>) {
    let ForeignToken { account, method, path, refused } = found;
    tracing::warn!(target: TARGET, event = "foreign_token", %request, peer, user, account, method, path, refused, "a session token that is not of this session");
}

/// The request in a [`foreign_token`] line. It has neither the token nor the password.
#[derive(Clone, Copy, Debug)]
pub struct ForeignToken<'a> {
    /// The native account that the value names; empty for a token.
    pub account: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// False when it was forwarded (`campaign.foreign_tokens = "report"`).
    pub refused: bool,
}

/// A native account sent a logon to Campaign.
pub fn native_logon(request: RequestId, peer: &str, login: &str, signed_in: bool) {
    tracing::info!(target: TARGET, event = "native_logon", %request, peer, login, signed_in, "logon of a native account");
}
