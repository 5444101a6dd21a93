//! FleetLock: `pre-reboot` takes a slot, `steady-state` gives it back. The server knows holders by their name and
//! has no lease, so the next run of a host that died gives back first. The name is one of a host's check: so two checks
//! of a host do not give back each other's slot.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::spec::{Claim, FleetLockSpec, GroupStatus};
use super::{SlotEngine, ask};
use crate::escape::visible;
use crate::health::{SlotHolder, SlotRefusal, bounded};
use crate::json;

const PROTOCOL: HeaderName = HeaderName::from_static("fleet-lock-protocol");

/// What the server says when all slots are taken.
const FULL: &str = "failed_lock_semaphore_full";

/// A FleetLock server.
#[derive(Clone, Debug)]
pub struct FleetLock {
    spec: FleetLockSpec,
}

impl FleetLock {
    /// A client of the server of `spec`.
    pub const fn new(spec: FleetLockSpec) -> Self {
        Self { spec }
    }

    async fn ask(&self, path: &str, group: &str, id: &str) -> Result<Option<SlotRefusal>, String> {
        let mut url = self.spec.url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        let body = json!({"client_params": {"id": id, "group": group}}).to_string();
        let protocol = [(PROTOCOL, HeaderValue::from_static("true"))];
        let (tls, timeout) = (&self.spec.tls, self.spec.timeout);
        let answer = ask::post(&url, &protocol, body.as_bytes(), tls, timeout).await?;
        match answer.code {
            // the protocol says nothing of the body of a yes, but a page is of somebody else
            200 if answer.is_page => {
                return Err("it answers with a page: it is no FleetLock server".to_owned());
            }
            200 => return Ok(None),
            code @ 300..400 => {
                return Err(format!("it answers {code}: redirects are not followed"));
            }
            _ => {}
        }
        let error: Value = json::from_bytes(&answer.body).unwrap_or_default();
        let kind = error["kind"].as_str();
        let words = error["value"].as_str().or(kind);
        let words = words.map_or_else(String::new, |words| format!(": {words}"));
        let why = bounded(visible(&format!(
            "the server answered {}{words}",
            answer.code
        )));
        match kind {
            Some(FULL) => Ok(Some(SlotRefusal::Taken {
                by: Vec::new(),
                ahead: None,
            })),
            Some(_) if answer.code < 500 => Ok(Some(SlotRefusal::Denied { why })),
            // without the protocol's own error it is not the server that answered, or it is ill
            Some(_) | None => Err(why),
        }
    }
}

/// What a check is called at the server.
fn id(host: &str, check: &str) -> String {
    format!("{host}:{check}")
}

#[async_trait]
impl SlotEngine for FleetLock {
    async fn reserve(&self, claim: &Claim) -> Result<Option<SlotRefusal>, String> {
        let SlotHolder { host, check, .. } = &claim.holder;
        self.ask("v1/pre-reboot", &claim.group, &id(host, check))
            .await
    }

    async fn renew(&self, _claim: &Claim) -> Result<bool, String> {
        Ok(true)
    }

    async fn release(&self, claim: &Claim, _used: bool) -> Result<(), String> {
        let SlotHolder { host, check, .. } = &claim.holder;
        let id = id(host, check);
        match self.ask("v1/steady-state", &claim.group, &id).await? {
            None => Ok(()),
            Some(why) => Err(why.to_string()),
        }
    }

    async fn status(&self, _group: &str) -> Result<Option<GroupStatus>, String> {
        Ok(None)
    }

    async fn evict(
        &self,
        group: &str,
        host: &str,
        checks: &[String],
    ) -> Result<Option<usize>, String> {
        for check in checks {
            let id = id(host, check);
            if let Some(why) = self.ask("v1/steady-state", group, &id).await? {
                return Err(why.to_string());
            }
        }
        Ok(None)
    }

    async fn announce(&self, _group: &str, _host: &str) -> Result<(), String> {
        Ok(())
    }

    fn lease(&self) -> Option<Duration> {
        None
    }
}
