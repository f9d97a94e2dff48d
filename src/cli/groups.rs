//! `imsgate groups`: compares Campaign's operator groups with the configuration names seen at IMS. Read only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::STOPS_LOGINS;
use super::check::seen::Seen;
use super::config_file::{ConfigFile, print_errors};
use super::output::{Paint, fail, out, paint, visible, width};
use crate::app::{TechnicalCaller, Unavailable};
use crate::clock::Clock;
use crate::config::InstanceConfig;
use crate::server::control_runtime;

#[derive(Debug, Args)]
pub(super) struct GroupsArgs {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) const AFTER_HELP: &str = "\
Example:
  imsgate groups --config imsgate.toml

It needs a [[campaign.technical_account]] with client_secret_file, whose operator may read groups. Names come from
the audit log (log.audit_file) and from what IMS tells the technical account.

Exit codes: 0 every group of a name exists in Campaign, 1 one does not, or Campaign could not be asked, 2 unusable configuration";

pub(super) fn run(args: &GroupsArgs) -> Result<ExitCode, ExitCode> {
    let loaded = args.config.read().map_err(|errors| print_errors(&errors))?;
    let runtime = control_runtime().map_err(|error| fail("groups", error, STOPS_LOGINS))?;
    let mut is_good = true;
    for config in loaded.config.each_instance() {
        let name = &config.instance.name;
        if !name.is_empty() {
            out(&format!("{name}\n"));
        }
        match runtime.block_on(compare(config)) {
            Ok(comparison) => {
                out(&comparison.table(paint()));
                is_good &= comparison.missing_in_campaign().is_empty();
            }
            Err(error) => {
                let of = if name.is_empty() { String::new() } else { format!("{name}: ") };
                fail("groups", format!("{of}{error}"), STOPS_LOGINS);
                is_good = false;
            }
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { STOPS_LOGINS.into() })
}

/// Asks Campaign and IMS for one instance.
async fn compare(config: InstanceConfig<'_>) -> Result<GroupComparison, String> {
    let failed =
        |unavailable: Unavailable| format!("{}\n    fix: {}", unavailable.reason(), unavailable.fix());
    let all = TechnicalCaller::connect_all(config.instance, &Clock::system()).await.map_err(failed)?;
    let (mut callers, mut refused) = (Vec::new(), Vec::new());
    for (server, caller) in all {
        match caller {
            Ok(caller) => callers.push(caller),
            Err(unavailable) => refused.push((server, unavailable)),
        }
    }
    if callers.is_empty() && !refused.is_empty() {
        return Err(failed(refused.remove(0).1));
    }
    let mut compared = GroupComparison::read(config, &callers.iter().collect::<Vec<_>>()).await;
    if let Ok(compared) = &mut compared {
        let note = |(server, unavailable): (Arc<str>, Unavailable)| {
            format!("{server} was not asked: {}.", unavailable.reason())
        };
        compared.notes.extend(refused.into_iter().map(note));
    }
    for caller in callers {
        caller.end().await;
    }
    compared
}

/// The groups of Campaign and the names of IMS.
#[derive(Debug, Default)]
pub(super) struct GroupComparison {
    /// Internal names of Campaign's operator groups.
    campaign: BTreeSet<String>,
    /// Groups that the mask gave, each with its configuration names. Without names: somebody has signed in with the group.
    seen: BTreeMap<String, BTreeSet<String>>,
    /// Names that the mask does not match.
    unmatched: BTreeSet<String>,
    /// Servers with other groups than the first one.
    differing: Vec<String>,
    /// What could not be read, and why.
    notes: Vec<String>,
}

impl GroupComparison {
    /// Asks each Campaign server for its groups, and collects names from the audit log and from IMS.
    pub(super) async fn read(
        config: InstanceConfig<'_>,
        callers: &[&TechnicalCaller],
    ) -> Result<Self, String> {
        let [caller, others @ ..] = callers else { return Err("no upstream is configured".to_owned()) };
        let mut compared = Self { campaign: caller.groups().await?, ..Self::default() };
        for other in others {
            match other.groups().await {
                Ok(groups) if groups == compared.campaign => {}
                Ok(_) => compared.differing.push(other.server().to_owned()),
                Err(error) => compared.notes.push(format!("{}: {error}.", other.server())),
            }
        }
        let mut seen = match config.log.audit_file.as_deref().map(Seen::read) {
            Some(Ok(seen)) => seen,
            Some(Err(error)) => {
                compared.notes.push(format!("The audit log cannot be read: {error}."));
                Seen::default()
            }
            None => {
                compared.notes.push(
                    "log.audit_file is not set, so names of people who signed in are not known.".to_owned(),
                );
                Seen::default()
            }
        };
        match caller.names().await {
            Ok(names) => seen.names.extend(names),
            Err(error) => compared.notes.push(format!("IMS tells the technical account no names: {error}.")),
        }
        compared.add(config, seen);
        Ok(compared)
    }

    fn add(&mut self, config: InstanceConfig<'_>, seen: Seen) {
        for group in seen.groups {
            self.seen.entry(group).or_default();
        }
        for name in seen.names {
            match config.instance.ims.association_mask.group(&name).map(str::to_owned) {
                Some(group) => {
                    self.seen.entry(group).or_default().insert(name);
                }
                None => {
                    self.unmatched.insert(name);
                }
            }
        }
    }

    /// Groups that the mask gave and that Campaign does not have.
    pub(super) fn missing_in_campaign(&self) -> Vec<&str> {
        self.seen.keys().filter(|group| !self.campaign.contains(*group)).map(String::as_str).collect()
    }

    /// Servers with other groups than the first one: they are not servers of one instance.
    pub(super) fn differing_servers(&self) -> &[String] {
        &self.differing
    }

    /// The number of Campaign's groups.
    pub(super) fn in_campaign(&self) -> usize {
        self.campaign.len()
    }

    fn table(&self, paint: Paint) -> String {
        let all: BTreeSet<&String> = self.campaign.iter().chain(self.seen.keys()).collect();
        let widest = all.iter().map(|group| width(&visible(group))).max().unwrap_or_default();
        let mut text = String::new();
        for group in all {
            let names = self.seen.get(group);
            let (mark, what) = match (self.campaign.contains(group), names) {
                (true, Some(names)) if names.is_empty() => {
                    (paint.green("✓"), "somebody signed in with it".to_owned())
                }
                (true, Some(names)) => (paint.green("✓"), list(names)),
                (true, None) => (paint.dim("–"), paint.dim("no configuration name seen so far")),
                (false, names) => {
                    let names = names
                        .filter(|names| !names.is_empty())
                        .map_or_else(String::new, |names| format!(", named by {}", list(names)));
                    (paint.red("✗"), format!("{}{names}", paint.red("missing in Campaign")))
                }
            };
            let shown = visible(group);
            let gap = " ".repeat(widest.saturating_sub(width(&shown)));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mark} {}{gap}  {what}", paint.bold(&shown));
        }
        if !self.unmatched.is_empty() {
            let _ = writeln!(
                text,
                "\nNames that the mask does not match (see `imsgate mask`): {}",
                list(&self.unmatched)
            );
        }
        let missing = self.missing_in_campaign().len();
        let unseen = self.campaign.iter().filter(|group| !self.seen.contains_key(*group)).count();
        let _ = writeln!(
            text,
            "\n{} operator groups in Campaign; {unseen} without a configuration name seen so far; {missing} named at IMS but missing in Campaign.",
            self.campaign.len()
        );
        if missing > 0 {
            let _ = writeln!(
                text,
                "fix: create the missing groups in Campaign first, or correct the names in the Admin Console"
            );
        }
        for server in &self.differing {
            let warning = format!(
                "{server} has other operator groups than the first server: name only servers of one instance in campaign.upstream."
            );
            let _ = writeln!(text, "{}", paint.yellow(&warning));
        }
        for note in &self.notes {
            let _ = writeln!(text, "{}", paint.yellow(note));
        }
        text
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| visible(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_and_what_is_missing_are_shown() {
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let comparison = GroupComparison {
            campaign: text(&["admin", "delivery"]),
            seen: [("delivery", &["C - delivery"][..]), ("sales", &["C - sales"])]
                .map(|(group, names)| (group.to_owned(), text(names)))
                .into(),
            unmatched: text(&["Analytics"]),
            ..GroupComparison::default()
        };
        assert_eq!(comparison.missing_in_campaign(), ["sales"]);
        assert_eq!(
            comparison.table(Paint::none()),
            "– admin     no configuration name seen so far\n\
             ✓ delivery  C - delivery\n\
             ✗ sales     missing in Campaign, named by C - sales\n\n\
             Names that the mask does not match (see `imsgate mask`): Analytics\n\n\
             2 operator groups in Campaign; 1 without a configuration name seen so far; 1 named at IMS but missing in Campaign.\n\
             fix: create the missing groups in Campaign first, or correct the names in the Admin Console\n"
        );
    }
}
