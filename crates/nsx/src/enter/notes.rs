//! Findings, as lines of a plan and as notes.

use crate::{out, text::escape};
use nsx_target::enter::{Finding, Findings, Remedy, Weight};

/// Prints the findings that the caller should know, and if `verbose`, what is left out.
pub(crate) fn print(findings: &Findings, verbose: bool) {
    for finding in findings.iter() {
        let is_shown = match finding.weight {
            Weight::Checked => false,
            Weight::Skipped => verbose,
            Weight::Note => true,
        };
        if is_shown {
            out::note(&format!("{}: {}", finding.about, text(finding)));
        }
    }
}

/// Returns the findings for a plan, one per line.
pub(crate) fn lines(findings: &Findings) -> impl Iterator<Item = (String, String)> {
    let line = |finding: &Finding| {
        (
            escape(finding.about.as_bytes()),
            escape(text(finding).as_bytes()),
        )
    };
    findings.iter().map(line)
}

/// Returns the text of a finding, with the options that avoid it.
fn text(finding: &Finding) -> String {
    let options = match finding.remedy {
        Some(Remedy::JoinPid) => "; add --pid to join that",
        Some(Remedy::JoinPidOrLeaveFiles) => "; --pid or --no-fix joins them as they are",
        _ => "",
    };
    format!("{}{options}", finding.text)
}
