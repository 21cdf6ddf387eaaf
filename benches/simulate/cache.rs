//! nginx's proxy_cache: what is answered without the application.
//!
//! Holds one entry per key, with the headers of the stored response: a HIT logs *their* X-Runtime. There is
//! no cache lock and no `use_stale updating`, so requests that find an entry expired all go upstream.

use std::collections::BTreeMap;

use crate::functions::Work;
use crate::queue::Micros;

/// `$cache_status`, as far as the stories need it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CacheStatus {
    Miss,
    Hit,
    Expired,
    /// The upstream failed and `proxy_cache_use_stale` let the old response out.
    Stale,
}

impl CacheStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Miss => "MISS",
            Self::Hit => "HIT",
            Self::Expired => "EXPIRED",
            Self::Stale => "STALE",
        }
    }
}

/// A stored response.
#[derive(Clone)]
pub struct Stored {
    pub status: u16,
    pub bytes: u64,
    /// None where the upstream does not time itself.
    pub work: Option<Work>,
}

/// The settings of one cache zone.
#[derive(Clone, Copy)]
pub struct CacheSettings {
    /// From then on the user's id is part of the key of personal endpoints.
    pub user_in_key_from: Option<Micros>,
    /// `proxy_cache_valid 500`: None does not store errors.
    pub errors_valid: Option<Micros>,
}

/// `inactive=10m` of proxy_cache_path: an entry that nobody asked for is dropped.
const INACTIVE: Micros = 600_000_000;

struct Entry {
    stored: Stored,
    fresh_until: Micros,
    used: Micros,
}

#[derive(Default)]
pub struct Cache(BTreeMap<String, Entry>);

impl Cache {
    /// Looks a key up; the stored response comes along with HIT only.
    pub fn look_up(&mut self, key: &str, now: Micros) -> (CacheStatus, Option<Stored>) {
        let Some(entry) = self.0.get_mut(key) else {
            return (CacheStatus::Miss, None);
        };
        if entry.used + INACTIVE < now {
            self.0.remove(key);
            return (CacheStatus::Miss, None);
        }
        entry.used = now;
        if now < entry.fresh_until {
            (CacheStatus::Hit, Some(entry.stored.clone()))
        } else {
            (CacheStatus::Expired, None)
        }
    }

    /// The response of an expired entry, for when the upstream failed.
    pub fn stale(&self, key: &str) -> Option<Stored> {
        self.0.get(key).map(|entry| entry.stored.clone())
    }

    pub fn store(&mut self, key: String, stored: Stored, now: Micros, valid: Micros) {
        self.0.insert(
            key,
            Entry {
                stored,
                fresh_until: now + valid,
                used: now,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_missed_then_hit_then_expired_then_forgotten() {
        let mut cache = Cache::default();
        let page = Stored {
            status: 200,
            bytes: 10,
            work: None,
        };
        assert_eq!(cache.look_up("/", 0).0, CacheStatus::Miss);
        cache.store("/".into(), page, 0, 60);
        assert_eq!(cache.look_up("/", 59).0, CacheStatus::Hit);
        assert_eq!(cache.look_up("/", 60).0, CacheStatus::Expired);
        assert!(cache.stale("/").is_some());
        assert_eq!(cache.look_up("/", 61 + INACTIVE).0, CacheStatus::Miss);
    }
}
