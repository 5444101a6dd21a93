//! Metrics of one look each, for a textfile collector or a push.

use crate::cli::checked::Checked;
use crate::serve::looks::{self, CheckSample};
use crate::serve::openmetrics::Exposition;

/// Every result in OpenMetrics text.
pub fn openmetrics(results: &[Checked]) -> String {
    let looks: Vec<_> = results
        .iter()
        .map(|checked| CheckSample {
            check: &checked.name,
            seen: &checked.seen,
            judgement: &checked.judgement,
        })
        .collect();
    let mut page = Exposition::default();
    looks::tell(&looks, &mut page);
    page.finish()
}
