//! A report: areas with findings, each with a verdict.

use crate::{
    answer::{Answer, Part},
    error::Error,
    paragraph::Paragraph,
    remedy, text,
};
use nsx_core::refusal::Refusal;
use serde::Serialize;

/// A verdict, in order: that of an area is the last one of its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// A fact that is neither good nor bad by itself.
    Info,
    /// It is as it should be.
    Ok,
    /// It could not be checked.
    Unknown,
    /// It is not as it should be.
    Bad,
}

/// A finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The thing that was checked: a word that stays the same from release to release.
    check: String,
    verdict: Verdict,
    /// The finding and what it means, as text that is safe to show.
    finding: String,
    /// The change to make.
    remedy: Option<String>,
}

/// Findings about one subject.
#[derive(Debug, Serialize)]
pub(super) struct Area {
    area: &'static str,
    verdict: Verdict,
    findings: Vec<Finding>,
}

/// The findings of all areas.
#[derive(Debug)]
pub(super) struct Report(Vec<Area>);

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    verdict: Verdict,
    areas: Vec<Area>,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Unknown => "?",
            Self::Bad => "bad",
        }
    }
}

impl Finding {
    fn new(verdict: Verdict, check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            verdict,
            finding: finding.into(),
            remedy: None,
        }
    }

    pub(super) fn info(check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Info, check, finding)
    }

    pub(super) fn ok(check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, check, finding)
    }

    pub(super) fn unknown(check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, check, finding)
    }

    pub(super) fn bad(check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Bad, check, finding)
    }

    /// A finding that something is refused, with the cause and the ways out.
    pub(super) fn refused(check: impl Into<String>, what: &str, refusal: &Refusal) -> Self {
        let finding = format!("{what}: {}", refusal.cause);
        Self {
            remedy: remedy::ways_out(refusal),
            ..Self::bad(check, finding)
        }
    }

    /// Says what to change.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl Area {
    pub(super) fn new(area: &'static str, findings: Vec<Finding>) -> Self {
        let verdict = findings.iter().map(|finding| finding.verdict).max();
        Self {
            area,
            verdict: verdict.unwrap_or(Verdict::Info),
            findings,
        }
    }
}

impl Report {
    pub(super) fn new(areas: Vec<Area>) -> Self {
        Self(areas)
    }

    /// Returns the answer, which is "found" if nothing is bad or unknown.
    pub(super) fn answer(self, json: bool) -> Result<Answer, Error> {
        let verdict = self.0.iter().map(|area| area.verdict).max();
        let verdict = verdict.unwrap_or(Verdict::Info);
        let answer = if json {
            Answer::json(&Document {
                version: 1,
                verdict,
                areas: self.0,
            })?
        } else {
            Answer::of(vec![Part::Paragraphs(self.paragraphs())])
        };
        Ok(answer.found(verdict <= Verdict::Ok))
    }

    fn paragraphs(&self) -> Vec<Paragraph> {
        let mut paragraphs = Vec::new();
        for area in &self.0 {
            paragraphs.push(Paragraph::heading(area.area, area.verdict.word()));
            for finding in &area.findings {
                let lead = format!("  {:<5}", finding.verdict.word());
                paragraphs.push(Paragraph::new(lead, &finding.finding));
                if let Some(remedy) = &finding.remedy {
                    paragraphs.push(Paragraph::new("       -> ", remedy));
                }
            }
        }
        paragraphs.push(Paragraph::new("", self.summary()));
        paragraphs
    }

    /// Returns the areas by their verdict, the worst first.
    fn summary(&self) -> String {
        let words = [Verdict::Bad, Verdict::Unknown, Verdict::Ok].map(|verdict| {
            let areas = self.0.iter().filter(|area| area.verdict == verdict);
            let areas: Vec<_> = areas.map(|area| area.area).collect();
            let word = match verdict {
                Verdict::Unknown => "not all could be checked of",
                verdict => verdict.word(),
            };
            (!areas.is_empty()).then(|| format!("{word}: {}", text::listed(&areas)))
        });
        words.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}
