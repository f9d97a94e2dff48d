//! `imsgate mask`: tries the association mask on configuration names.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::config_file::{ConfigFile, print_errors};
use super::output::{Paint, err, out, paint, visible, width};
use super::{STOPS_LOGINS, UNUSABLE};
use crate::policy::mask::{Mask, MaskResult};

#[derive(Debug, Args)]
pub(super) struct MaskArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Try this mask instead of the configured one
    #[arg(long, value_name = "REGEX")]
    mask: Option<String>,
    /// Try the mask of this instance, when there are several [default: the first one]
    #[arg(long, value_name = "NAME", conflicts_with = "mask")]
    instance: Option<String>,
    /// Configuration names as in the Admin Console
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate mask 'Campaign - acme - delivery'
  imsgate mask --mask 'Campaign - acme - (.*)' 'campaign - acme - delivery' 'Campaign - acme -  content'

Exit codes: 0 a name gives a group, 1 none does, 2 the mask is invalid or missing";

pub(super) fn run(args: &MaskArgs) -> Result<ExitCode, ExitCode> {
    let mask = read_mask(args)?;
    out(&table(&mask, &args.names, paint()));
    let is_match = args.names.iter().any(|name| mask.group(name).is_some());
    Ok(if is_match { ExitCode::SUCCESS } else { STOPS_LOGINS.into() })
}

fn read_mask(args: &MaskArgs) -> Result<Mask, ExitCode> {
    match &args.mask {
        Some(text) => Mask::parse(text).map_err(|error| {
            let pointer = error.span().map(|span| {
                let before = width(&text[..span.start]);
                let marks = width(&text[span]).max(1);
                format!("\n    {text}\n    {}{}", " ".repeat(before), "^".repeat(marks))
            });
            err(&format!(
                "--mask: error: {error}{}\n    fix: {}\n",
                pointer.unwrap_or_default(),
                error.fix()
            ));
            ExitCode::from(UNUSABLE)
        }),
        None => args.config.read_mask(args.instance.as_deref()).map_err(|errors| print_errors(&errors)),
    }
}

/// One line per name.
fn table(mask: &Mask, names: &[String], paint: Paint) -> String {
    let shown: Vec<_> = names.iter().map(|name| visible(name)).collect();
    let widest = shown.iter().map(|name| width(name)).max().unwrap_or_default().min(WIDEST);
    let mut text = String::new();
    for (name, shown) in names.iter().zip(&shown) {
        let gap = " ".repeat(widest.saturating_sub(width(shown)));
        let verdict = match mask.explain(name) {
            MaskResult::Group(group) => format!("→ {}", paint.green(&paint.bold(&visible(group)))),
            MaskResult::NearMiss(why) => format!("✗ {}", paint.yellow(&format!("near miss: {why}"))),
            MaskResult::Unrelated => format!("✗ {}", paint.dim("unrelated to the mask")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{shown}{gap}  {verdict}");
    }
    text
}

/// Columns; longer names push their verdict to the right.
const WIDEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_one_per_line_in_columns() {
        let mask = Mask::parse("Campaign - acme - (.*)").unwrap();
        let names = ["Campaign - acme - delivery", "Campaign - acme - ", "Other"].map(str::to_owned);
        assert_eq!(
            table(&mask, &names, Paint::none()),
            "Campaign - acme - delivery  → delivery\n\
             \"Campaign - acme - \"        ✗ near miss: empty group: nothing follows `acme -`\n\
             Other                       ✗ unrelated to the mask\n"
        );
    }
}
