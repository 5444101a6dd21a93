//! A check without a file: a URL and the name of what is there. It is read as a file with these two would be.

use super::parse;
use super::presets::Preset;
use super::settings::Check;

/// A check with a preset and nothing else of its own.
///
/// # Errors
/// Says what is wrong with the URL.
pub fn check(preset: &Preset, url: &str) -> Result<Check, String> {
    // a JSON string is one of TOML, too
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let file = format!(
        "[[check]]\nname = \"check\"\npreset = {}\nurl = {}\n",
        text(preset.name),
        text(url)
    );
    match parse(&file, "", &|_| None) {
        Ok(settings) => settings.checks.into_iter().next().ok_or_else(String::new),
        Err(faults) => {
            let first = faults.iter().next();
            let told = first.map(|fault| format!("{}: {}", fault.message, fault.help));
            Err(told.unwrap_or_default())
        }
    }
}
