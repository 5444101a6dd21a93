//! Metrics of one probe each, for a textfile collector or a push.

use crate::cli::check::Checked;
use crate::serve::openmetrics::Exposition;
use crate::serve::probes::{self, ProbeSample};

/// Every result in OpenMetrics text.
pub fn openmetrics(results: &[Checked]) -> String {
    let samples: Vec<_> = results
        .iter()
        .map(|checked| ProbeSample::of(&checked.name, &checked.seen, &checked.judgement))
        .collect();
    let mut page = Exposition::default();
    probes::write(&samples, &mut page);
    page.finish()
}
