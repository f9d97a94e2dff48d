//! The audit trail: who came in, who was refused and why, who left. One line each.

use serde_json::json;

use super::RequestId;

/// Target of every audit line.
pub const TARGET: &str = "audit";

/// Who an audit line is about.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// IMS user id.
    pub user: &'a str,
    /// E-mail address, empty when IMS gave none.
    pub email: &'a str,
    /// The organisation that was asked for.
    pub organization: &'a str,
}

/// Somebody signed in.
pub fn login(request: RequestId, peer: &str, who: Who<'_>, groups: &[String], sid: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "login", %request, peer, user, email, organization, groups = %json!(groups), sid, "signed in");
}

/// What IMS said of somebody who was refused.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Organisation IDs.
    pub organizations: &'a [String],
    /// Configuration names.
    pub names: &'a [String],
    /// Near misses of the mask, each with its reason.
    pub near: &'a [(String, String)],
    /// Number, bytes and limit of groups that do not fit.
    pub too_many: Option<TooMany>,
}

/// Groups that do not fit into the head of a request.
#[derive(Clone, Copy, Debug)]
pub struct TooMany {
    /// How many.
    pub count: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// `campaign.groups_bytes`.
    pub limit: usize,
}

/// Somebody was refused: every configuration name that was seen, and the near misses with their reasons.
pub fn refusal(request: RequestId, peer: &str, who: Who<'_>, reason: &str, seen: Seen<'_>) {
    let Who { user, email, organization } = who;
    let near: Vec<_> = seen.near.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
    tracing::warn!(target: TARGET, event = "refusal", %request, peer, user, email, organization, reason, seen = %json!(seen.names), organizations_seen = %json!(seen.organizations), near_misses = %json!(near), group_count = seen.too_many.map(|all| all.count), groups_bytes = seen.too_many.map(|all| all.bytes), groups_bytes_limit = seen.too_many.map(|all| all.limit), "refused");
}

/// A login came to nothing before anybody was known.
pub fn login_failed(request: RequestId, peer: &str, reason: &str) {
    tracing::warn!(target: TARGET, event = "login_failed", %request, peer, reason, "login failed");
}

/// Somebody who was let in is in no longer: what IMS said when it was asked again.
pub fn expelled(request: RequestId, who: Who<'_>, sid: &str, reason: &str, seen: Seen<'_>) {
    let Who { user, email, organization } = who;
    let near: Vec<_> = seen.near.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
    tracing::warn!(target: TARGET, event = "refusal", %request, user, email, organization, sid, reason, seen = %json!(seen.names), organizations_seen = %json!(seen.organizations), near_misses = %json!(near), group_count = seen.too_many.map(|all| all.count), groups_bytes = seen.too_many.map(|all| all.bytes), groups_bytes_limit = seen.too_many.map(|all| all.limit), "refused: groups lost");
}

/// Somebody has other groups than before, in the same session.
pub fn groups_changed(request: RequestId, who: Who<'_>, sid: &str, before: &[String], groups: &[String]) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "groups_changed", %request, user, email, organization, sid, before = %json!(before), groups = %json!(groups), "groups changed");
}

/// A request that a page of another origin sent with somebody's session, and that was refused. Never its query.
pub fn cross_origin(request: RequestId, peer: &str, who: Who<'_>, sid: &str, from: CrossOrigin<'_>) {
    let Who { user, email, organization } = who;
    let CrossOrigin { origin, site, method, path } = from;
    tracing::warn!(target: TARGET, event = "cross_origin_refused", %request, peer, user, email, organization, sid, origin, site, method, path, "refused: a page of another origin sent this request");
}

/// See [`cross_origin`].
#[derive(Clone, Copy, Debug)]
pub struct CrossOrigin<'a> {
    /// The field `Origin`, empty when absent.
    pub origin: &'a str,
    /// The field `Sec-Fetch-Site`, empty when absent.
    pub site: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
}

/// Somebody signed out everywhere; `ended` other sessions than the one that asked.
pub fn everywhere(request: RequestId, peer: &str, who: Who<'_>, ended: usize) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "sign_out_everywhere", %request, peer, user, email, organization, ended, "signed out everywhere");
}

/// The provider said that somebody has signed out there.
pub fn backchannel_logout(
    request: RequestId,
    peer: &str,
    user: Option<&str>,
    ims_session: Option<&str>,
    ended: usize,
) {
    tracing::info!(target: TARGET, event = "backchannel_logout", %request, peer, user, ims_session, ended, "signed out at the provider");
}

/// An operator ended sessions: those of a person, or one.
pub fn revoked(request: RequestId, user: Option<&str>, sid: Option<&str>, ended: usize) {
    tracing::info!(target: TARGET, event = "revoked", %request, user, sid, ended, "revoked by an operator");
}

/// A session ended otherwise than by its owner's signing out there.
pub fn ended(request: RequestId, who: Who<'_>, sid: &str, reason: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "session_ended", %request, user, email, organization, sid, reason, "session ended");
}

/// Somebody signed out.
pub fn logout(request: RequestId, peer: &str, who: Who<'_>, sid: &str) {
    let Who { user, email, organization } = who;
    tracing::info!(target: TARGET, event = "logout", %request, peer, user, email, organization, sid, "signed out");
}

/// What became of a form that met an ended session. Never its body, never the query of its address.
pub fn form(event: FormEvent, request: RequestId, peer: &str, user: &str, path: &str, bytes: usize) {
    let (event, what) = match event {
        FormEvent::Kept => ("form_kept", "a form waits for its sender to sign in"),
        FormEvent::Sent => ("form_sent", "a kept form was sent to Campaign"),
        FormEvent::Discarded => ("form_discarded", "a kept form was discarded by its sender"),
        FormEvent::Dropped => ("form_dropped", "somebody else signed in; a kept form was dropped"),
    };
    tracing::info!(target: TARGET, event, %request, peer, user, path, bytes, "{what}");
}

/// See [`form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormEvent {
    /// It waits.
    Kept,
    /// It went to Campaign.
    Sent,
    /// Its sender does not want it sent.
    Discarded,
    /// Another person came back.
    Dropped,
}
