//! Slots and a budget in etcd, by its JSON gateway. A slot and its restart of the budget are taken in one transaction,
//! and carry the reservation's name: when an answer is lost, asking again finds them. What is written or deleted is
//! compared with what was read, always.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::SlotEngine;
use super::ask::{self, Answer};
use super::etcd_answer::{Entry, encoded, entries, number, succeeded};
use super::etcd_group::{Group, Keys, is_of};
use super::spec::{Claim, EtcdSpec, GroupStatus};
use crate::health::{SlotHolder, SlotRefusal, bounded};
use crate::json;
use crate::secret::{Secret, conceal};

/// Transactions that may lose against other hosts before the slots count as taken.
const RACES: usize = 8;

/// How long it stays known who waits, and who watches: longer than the longest pause between two questions.
const KNOWN_FOR: Duration = Duration::from_secs(90);

/// The same of who waits for a slot alone, and asks more often: one that has died holds the others up no longer.
const QUEUED_FOR: Duration = Duration::from_secs(30);

/// A cluster.
#[derive(Debug)]
pub struct Etcd {
    spec: EtcdSpec,
    lease: Duration,
    /// The member that answered last: it is asked first.
    answering: AtomicUsize,
    token: Mutex<Option<HeaderValue>>,
    /// The leases of what is only made known, by key.
    known: Mutex<HashMap<String, (String, Duration)>>,
}

impl Etcd {
    /// A client of the cluster of `spec`, whose slots stay taken for `lease`.
    pub fn new(spec: EtcdSpec, lease: Duration) -> Self {
        Self {
            spec,
            lease,
            answering: AtomicUsize::new(0),
            token: Mutex::default(),
            known: Mutex::default(),
        }
    }

    async fn group(&self, keys: &Keys) -> Result<Group, String> {
        let (key, end) = keys.range();
        let ask = json!({"key": encoded(key), "range_end": encoded(&end)});
        let found = entries(&self.call("kv/range", &ask).await?);
        Ok(Group::sort(keys, found))
    }

    /// One transaction for a slot, free or `own` of an earlier reservation, and a key of the budget with its window.
    async fn take(
        &self,
        claim: &Claim,
        (slot, own): (String, Option<&Entry>),
        spent: Option<(String, Duration)>,
    ) -> Result<bool, String> {
        let value = encoded(&json!(claim.holder).to_string());
        let put = |key: &str, lease: &str| json!({"request_put": {"key": encoded(key), "value": value, "lease": lease}});
        let lease = self.grant(self.lease).await?;
        let mut compare = vec![match own {
            None => is_absent(&slot),
            Some(own) => json!({"result": "EQUAL", "target": "MOD", "key": encoded(&slot),
                "mod_revision": own.modified.to_string()}),
        }];
        let waiting = Keys::of(&claim.group).waiting(&claim.holder);
        let mut success = vec![put(&slot, &lease), deleted(&waiting)];
        let mut leases = vec![lease];
        if let Some((key, window)) = spent {
            let lease = self.grant(window).await?;
            compare.push(is_absent(&key));
            success.push(put(&key, &lease));
            leases.push(lease);
        }
        let txn = json!({"compare": compare, "success": success});
        if succeeded(&self.call("kv/txn", &txn).await?) {
            return Ok(true);
        }
        // another host was first; or it was done and its answer lost, and then what it took ends with the leases
        for lease in leases {
            self.revoke(&lease).await;
        }
        Ok(false)
    }

    /// Makes known for so long that somebody waits, or watches. That it cannot be done changes nothing else.
    async fn make_known(&self, key: String, value: &str, ttl: Duration) -> Result<(), String> {
        let known = match self.lease_of(&key, ttl) {
            Some(lease) => self.keep_alive(&lease).await?.then_some(lease),
            None => None,
        };
        let lease = match known {
            Some(lease) => lease,
            None => self.grant(ttl).await?,
        };
        // also under a lease that lives: who got a slot, or was freed, is not known to wait any more
        let put = json!({"key": encoded(&key), "value": encoded(value), "lease": lease});
        self.call("kv/put", &put).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, (lease, ttl));
        Ok(())
    }

    /// Who waits is for people, for the panic and for the order of those that wait: the answer stands without it.
    async fn make_wait_known(&self, keys: &Keys, claim: &Claim, refusal: &SlotRefusal) {
        let waits = SlotHolder {
            since: claim.waiting_since,
            ..claim.holder.clone()
        };
        let is_queued = matches!(refusal, SlotRefusal::Taken { .. });
        let mut value = json!(waits);
        value["queued"] = is_queued.into();
        let ttl = if is_queued { QUEUED_FOR } else { KNOWN_FOR };
        let key = keys.waiting(&claim.holder);
        let _ = self.make_known(key, &value.to_string(), ttl).await;
    }

    fn lease_of(&self, key: &str, ttl: Duration) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(key).filter(|(_, granted)| *granted == ttl);
        known.map(|(lease, _)| lease.clone())
    }

    async fn grant(&self, ttl: Duration) -> Result<String, String> {
        let seconds = ttl.as_secs().max(1).to_string();
        let answer = self.call("lease/grant", &json!({"TTL": seconds})).await?;
        let lease = answer["ID"].as_str().map(str::to_owned);
        lease.ok_or_else(|| "etcd granted no lease".to_owned())
    }

    async fn keep_alive(&self, lease: &str) -> Result<bool, String> {
        let answer = self.call("lease/keepalive", &json!({"ID": lease})).await?;
        Ok(number(&answer["result"]["TTL"]).is_some_and(|ttl| ttl > 0))
    }

    /// Ends a lease with what it holds, unless it ends by itself.
    async fn revoke(&self, lease: &str) {
        let _ = self.call("lease/revoke", &json!({"ID": lease})).await;
    }

    async fn first_expiry(&self, spent: &[Entry]) -> Result<Duration, String> {
        let Some(oldest) = spent.iter().min_by_key(|entry| entry.created) else {
            return Ok(Duration::ZERO);
        };
        let ask = json!({"ID": oldest.lease});
        let answer = self.call("lease/timetolive", &ask).await?;
        let left = number(&answer["TTL"]).unwrap_or_default();
        Ok(Duration::from_secs(left))
    }

    /// Asks the members in turn, beginning with the one that answered last.
    async fn call(&self, path: &str, ask: &Value) -> Result<Value, String> {
        let count = self.spec.endpoints.len();
        let first = self.answering.load(Ordering::Relaxed);
        let mut why = "no endpoint is configured".to_owned();
        for index in (0..count).map(|next| (first + next) % count) {
            match self.call_member(index, path, ask).await {
                Ok(answer) => {
                    self.answering.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => why = error,
            }
        }
        Err(bounded(format!("etcd at {why}")))
    }

    async fn call_member(&self, index: usize, path: &str, ask: &Value) -> Result<Value, String> {
        let known = self.token.lock().ok().and_then(|token| token.clone());
        let mut answer = self.post(index, path, ask, known).await?;
        if let Some((user, password)) = &self.spec.login
            && is_login_missing(&answer)
        {
            let token = self.log_in(index, user, password).await?;
            if let Ok(mut kept) = self.token.lock() {
                *kept = Some(token.clone());
            }
            answer = self.post(index, path, ask, Some(token)).await?;
        }
        let text: Value = json::from_bytes(&answer.body).unwrap_or_default();
        if answer.code == 200 && text.is_object() {
            return Ok(text);
        }
        let words = text["error"].as_str().unwrap_or("no JSON");
        let host = crate::net::http::authority(&self.spec.endpoints[index]);
        Err(format!("{host}: answered {}: {words}", answer.code))
    }

    async fn log_in(
        &self,
        index: usize,
        user: &str,
        password: &Secret,
    ) -> Result<HeaderValue, String> {
        let ask = json!({"name": user, "password": password.expose()});
        let answer = self.post(index, "auth/authenticate", &ask, None).await?;
        let text: Value = json::from_bytes(&answer.body).unwrap_or_default();
        let token = text["token"]
            .as_str()
            .inspect(|token| conceal(token))
            .and_then(|token| HeaderValue::from_str(token).ok());
        let host = crate::net::http::authority(&self.spec.endpoints[index]);
        let mut token = token.ok_or_else(|| {
            let words = text["error"].as_str().unwrap_or("no token");
            format!("{host}: user {user:?} is not let in: {words}")
        })?;
        token.set_sensitive(true);
        Ok(token)
    }

    async fn post(
        &self,
        index: usize,
        path: &str,
        ask: &Value,
        token: Option<HeaderValue>,
    ) -> Result<Answer, String> {
        let mut url = self.spec.endpoints[index].clone();
        url.set_path(&format!("{}/v3/{path}", url.path().trim_end_matches('/')));
        let token: Option<(HeaderName, HeaderValue)> = token.map(|token| (AUTHORIZATION, token));
        let body = ask.to_string();
        let (tls, timeout) = (&self.spec.tls, self.spec.timeout);
        ask::post(&url, token.as_slice(), body.as_bytes(), tls, timeout).await
    }
}

#[async_trait]
impl SlotEngine for Etcd {
    async fn reserve(&self, claim: &Claim) -> Result<Option<SlotRefusal>, String> {
        let keys = Keys::of(&claim.group);
        let mut refusal = SlotRefusal::Taken {
            by: Vec::new(),
            ahead: None,
        };
        for _ in 0..RACES {
            let group = self.group(&keys).await?;
            let own = group.own_slot(claim);
            if let Some(slot) = own.filter(|slot| is_of(slot, claim)) {
                if self.keep_alive(&slot.lease).await? {
                    return Ok(None);
                }
                continue;
            }
            if let (None, Some(panic)) = (own, group.panic(claim)) {
                refusal = panic;
                break;
            }
            let slot = match own {
                Some(own) => Some(own.key.clone()),
                None => group.free_slot(&keys, claim),
            };
            let ahead = match (own.is_some(), claim.resumes) {
                (false, false) => group.ahead(claim),
                (true, _) | (_, true) => 0,
            };
            let taken = SlotRefusal::Taken {
                by: group.taken_by(claim),
                ahead: Some(u32::try_from(ahead).unwrap_or(u32::MAX)),
            };
            let Some(slot) = slot else {
                refusal = taken;
                break;
            };
            let budget = claim.budget.filter(|_| group.paid(claim).is_none());
            let spent = match budget {
                None => None,
                Some(budget) => match group.free_budget(&keys, budget.count) {
                    Some(key) => Some((key, budget.window)),
                    None => {
                        let left = self.first_expiry(&group.budget).await?;
                        refusal = SlotRefusal::BudgetUsedUp { left };
                        break;
                    }
                },
            };
            if group.slots.len() + ahead >= claim.slots as usize && own.is_none() {
                refusal = taken;
                break;
            }
            if self.take(claim, (slot, own), spent).await? {
                return Ok(None);
            }
        }
        self.make_wait_known(&keys, claim, &refusal).await;
        Ok(Some(refusal))
    }

    async fn renew(&self, claim: &Claim) -> Result<bool, String> {
        let group = self.group(&Keys::of(&claim.group)).await?;
        match group.own_slot(claim).filter(|slot| is_of(slot, claim)) {
            Some(slot) => self.keep_alive(&slot.lease).await,
            None => Ok(false),
        }
    }

    async fn release(&self, claim: &Claim, used: bool) -> Result<(), String> {
        let group = self.group(&Keys::of(&claim.group)).await?;
        let slot = group.own_slot(claim).filter(|slot| is_of(slot, claim));
        let paid = group.paid(claim).filter(|_| !used);
        let waits = group.waiting.iter().filter(|waits| is_of(waits, claim));
        for waits in waits {
            let txn = json!({"compare": [is_unchanged(waits)], "success": [deleted(&waits.key)]});
            self.call("kv/txn", &txn).await?;
        }
        for entry in slot.into_iter().chain(paid) {
            let txn = json!({"compare": [is_unchanged(entry)], "success": [deleted(&entry.key)]});
            self.call("kv/txn", &txn).await?;
            self.revoke(&entry.lease).await;
        }
        Ok(())
    }

    async fn status(&self, group: &str) -> Result<Option<GroupStatus>, String> {
        let found = self.group(&Keys::of(group)).await?;
        Ok(Some(found.status()))
    }

    async fn evict(
        &self,
        group: &str,
        host: &str,
        _checks: &[String],
    ) -> Result<Option<usize>, String> {
        let found = self.group(&Keys::of(group)).await?;
        let is_of_host = |entry: &&Entry| entry.holder().is_some_and(|holder| holder.host == host);
        let mut freed = 0;
        for slot in found.slots.iter().filter(is_of_host) {
            let txn = json!({"compare": [is_unchanged(slot)], "success": [deleted(&slot.key)]});
            freed += usize::from(succeeded(&self.call("kv/txn", &txn).await?));
        }
        for waiting in found.waiting.iter().filter(is_of_host) {
            let txn =
                json!({"compare": [is_unchanged(waiting)], "success": [deleted(&waiting.key)]});
            self.call("kv/txn", &txn).await?;
        }
        Ok(Some(freed))
    }

    async fn announce(&self, group: &str, host: &str) -> Result<(), String> {
        let key = Keys::of(group).host(host);
        self.make_known(key, host, KNOWN_FOR).await
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

fn is_absent(key: &str) -> Value {
    json!({"result": "EQUAL", "target": "CREATE", "key": encoded(key), "create_revision": "0"})
}

fn is_unchanged(entry: &Entry) -> Value {
    json!({"result": "EQUAL", "target": "MOD", "key": encoded(&entry.key),
        "mod_revision": entry.modified.to_string()})
}

fn deleted(key: &str) -> Value {
    json!({"request_delete_range": {"key": encoded(key)}})
}

/// etcd answers 401 for a token that is old, and 400 with these words for none.
fn is_login_missing(answer: &Answer) -> bool {
    let said = String::from_utf8_lossy(&answer.body);
    answer.code == 401 || said.contains("user name is empty") || said.contains("invalid auth token")
}
